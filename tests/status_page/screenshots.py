"""The pictures in docs/status-page.md: `make screenshots`. The fleets are those of the tests, in manual time, so that a
picture changes where the page does."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.status_page.browser import MISSING, PHONE, browser, program, visit
from tests.status_page.fleets import ROOT, busy, failing

FOLDER = ROOT / "docs" / "images"
DARK = {"color_scheme": "dark"}
WIDE: dict[str, Any] = {"viewport": {"width": 1100, "height": 640}}
BUSY: dict[str, tuple[str, dict[str, Any]]] = {
    "fleet": ("fleet", WIDE),
    "fleet-dark": ("fleet", {**WIDE, **DARK}),
    "fleet-phone": ("fleet", {"viewport": PHONE, "device_scale_factor": 2}),
    "rollout": ("rollouts/chaos-42", WIDE),
    "provisioners": ("provisioners", WIDE),
}
FAILING: dict[str, tuple[str, dict[str, Any]]] = {
    "drift": ("drift", WIDE),
    "rollout-failed": ("rollouts/chaos-42", {**WIDE, **DARK}),
    "audit": ("audit", WIDE),
}


def main() -> int:
    """Take them all; the exit status."""
    if not program():
        print(f"make screenshots {MISSING}", file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    for fleet, wanted in ((busy, BUSY), (failing, FAILING)):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            address = stack.enter_context(stack.enter_context(fleet(folder)).served())
            started = stack.enter_context(browser())
            for name, (path, how) in wanted.items():
                with visit(started, f"{address}/{path}", **how) as visited:
                    visited.page.screenshot(path=FOLDER / f"status-page-{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
