"""Debian's chromium, driven by playwright, which brings none of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MISSING = "needs chromium (apt-get install chromium) and playwright (requirements-dev.txt)"
OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--font-render-hinting=none",
)  # fmt: skip
DESK: Any = {"width": 1200, "height": 800}
PHONE: Any = {"width": 360, "height": 740}

# Told by the page itself, whatever the console shows.
_WATCH = """addEventListener("securitypolicyviolation", each => console.error("CSP: " + each.violatedDirective))"""


def program() -> str:
    """Where chromium is, empty where it is not."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or ""


@contextmanager
def browser() -> Iterator[Browser]:
    """Started, and ended."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program(), args=list(OPTIONS))
        try:
            yield started
        finally:
            started.close()


@dataclass
class Visit:
    """A page that somebody looks at; `complaints`: what the browser said of it, violations of its policy among them."""

    page: Page
    complaints: list[str] = field(default_factory=list)


@contextmanager
def visit(started: Browser, address: str, *, stands_still: bool = False, **how: Any) -> Iterator[Visit]:
    """Open an address; `how`: viewport, color_scheme, java_script_enabled, and the like. Where time `stands_still` it
    passes by `page.clock` alone."""
    context = started.new_context(**{"viewport": DESK, "color_scheme": "light", "locale": "en", **how})
    try:
        page = context.new_page()
        found = Visit(page)
        page.on("console", lambda message: found.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: found.complaints.append(f"error: {error}"))
        page.on("requestfailed", lambda request: found.complaints.append(f"failed: {request.url}"))
        if how.get("java_script_enabled", True):
            page.add_init_script(_WATCH)
        if stands_still:
            page.clock.install()
        page.goto(address)
        yield found
    finally:
        context.close()
