"""Every link of every page in the repository leads somewhere."""

from __future__ import annotations

import re
import subprocess
import unicodedata
from urllib.parse import urlsplit

import pytest

from tools import links

_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_FENCES = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def pages() -> list[str]:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    names = subprocess.run(listed, cwd=links.ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    return sorted(name for name in set(names) if name and (links.ROOT / name).exists())


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site both make them of plain ones."""
    plain = _FENCES.sub("", text)
    return {_slug(heading) for heading in _HEADING.findall(plain)}


def _slug(heading: str) -> str:
    shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    kept = re.sub(r"[^\w\s-]", "", unicodedata.normalize("NFKD", shown)).strip().lower()
    return re.sub(r"[-\s]+", "-", kept)


def broken(page: str, text: str) -> list[str]:
    """What is wrong with the links of a page's text."""
    found = []
    for target in links.found(text):
        if links.is_external(target):
            if not _well_formed(target):
                found.append(f"{target} is no https address")
            continue
        file = links.file_of(target, within=page)
        anchor = target.partition("#")[2]
        if file is None:
            if not (links.ROOT / page).parent.joinpath(target).is_dir():
                found.append(f"{target} is not there")
        elif anchor and anchor not in anchors(text if file == page else (links.ROOT / file).read_text("utf-8")):
            found.append(f"{file} has no heading for #{anchor}")
    return found


def _well_formed(target: str) -> bool:
    parts = urlsplit(target)
    return parts.scheme == "https" and "." in (parts.hostname or "") and parts.port is None


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page: str) -> None:
    assert broken(page, (links.ROOT / page).read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a](nowhere.md)", "nowhere.md is not there"),
        ("[a](../shared/none.py)", "../shared/none.py is not there"),
        ("[a](operate.md#none)", "docs/operate.md has no heading for #none"),
        ("# A\n\n[a](#b)", "docs/operate.md has no heading for #b"),
        ("[a](http://example.com)", "http://example.com is no https address"),
        ("[a](https://example)", "https://example is no https address"),
    ],
)
def test_a_broken_link_is_found(text: str, problem: str) -> None:
    assert broken("docs/operate.md", text) == [problem]


def test_code_has_no_links() -> None:
    assert list(links.found("`[a](b)`\n\n    [c](d)\n\n```\n[e](f)\n```\n[g](h)\n")) == ["h"]
