"""`make docs`: the site is whole, loads nothing from elsewhere, and is not made where a page has a broken link."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.newcomer import ROOT, clone, environment

VENV, ASSETS = ROOT / "build" / "docs-venv", ROOT / "build" / "docs-assets"
pytestmark = [
    pytest.mark.docs,
    pytest.mark.skipif(
        not (VENV / ".done").exists() or not ASSETS.exists(), reason="the site is not built: run make docs once"
    ),
]
_LOADED = re.compile(r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?([^"' >]+)|<link[^>]*\shref=["']?([^"' >]+)""")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = clone(tmp_path_factory.mktemp("site"))
    shutil.copytree(ASSETS, folder / "build" / "docs-assets")
    return folder


def make_docs(checkout: Path) -> subprocess.CompletedProcess[str]:
    command = [
        "make",
        "-s",
        "docs",
        f"DOCS_VENV={VENV}",
        "-o",
        f"{VENV}/.done",
        "-o",
        "build/docs-assets/mermaid.min.js",
    ]
    return subprocess.run(command, cwd=checkout, env=environment(), capture_output=True, text=True, check=False)


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(checkout: Path) -> None:
    made = make_docs(checkout)
    assert made.returncode == 0, made.stderr
    site = checkout / "build" / "docs"
    pages = {str(path.relative_to(site)): path.read_text("utf-8") for path in site.rglob("*.html")}
    for name in ("index.html", "deploy.html", "reference/messages.html", "repository/terraform/index.html"):
        assert name in pages
    loaded = {
        (name, address)
        for name, text in pages.items()
        for found in _LOADED.finditer(text)
        if (address := found[1] or found[2]) and not address.startswith("data:")
    }
    assert loaded
    for name, address in loaded:
        assert "//" not in address, f"{name} loads {address}"
        here = site if address.startswith("/") else (site / name).parent  # 404.html is shown anywhere
        assert (here / address.partition("?")[0].lstrip("/")).exists(), f"{name} loads {address}"
    for style in site.rglob("*.css"):
        assert not re.findall(r"url\(\"?(?:https?:)?//|@import", style.read_text("utf-8")), style
    diagrams = [name for name, text in pages.items() if 'class="mermaid"' in text]
    assert "architecture.html" in diagrams
    assert all("assets/mermaid.min.js" in pages[name] for name in diagrams)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[there](nowhere.md)", "nowhere.md"),
        ("[there](operate.md#nowhere)", "#nowhere"),
        ("[there](../environments/nowhere.yaml)", "nowhere.yaml"),
    ],
)
def test_a_broken_link_fails_it(checkout: Path, text: str, problem: str) -> None:
    page = checkout / "docs" / "quickstart.md"
    good = page.read_text("utf-8")
    page.write_text(f"{good}\n{text}\n", "utf-8")
    try:
        made = make_docs(checkout)
    finally:
        page.write_text(good, "utf-8")
    assert made.returncode != 0
    assert problem in made.stderr


def test_a_page_that_nobody_finds_fails_it(checkout: Path) -> None:
    page = checkout / "docs" / "lonely.md"
    page.write_text("# Lonely\n", "utf-8")
    try:
        made = make_docs(checkout)
    finally:
        page.unlink()
    assert made.returncode != 0
    assert "lonely.md" in made.stderr
