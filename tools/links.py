"""Links in the repository's Markdown files: `[text](target)`, outside of code.

A target without a scheme is a path beside the file, as any forge shows it; a folder stands for its README.md or
index.md.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_CODE = re.compile(r"^(```|~~~).*?^\1|^(?: {4}|\t).*?$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()([^)\s]+)(?=\))")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_FRONTS = ("README.md", "index.md")


def found(text: str) -> Iterator[str]:
    """Every target in it, in order."""
    for match in _LINK.finditer(_CODE.sub(lambda code: " " * len(code[0]), text)):
        yield match[1]


def rewritten(text: str, change: Callable[[str], str]) -> str:
    """The text with each target changed."""
    plain = _CODE.sub(lambda code: " " * len(code[0]), text)
    parts, done = [], 0
    for match in _LINK.finditer(plain):
        parts += [text[done : match.start()], change(match[1])]
        done = match.end()
    return "".join([*parts, text[done:]])


def is_external(target: str) -> bool:
    """Whether it leaves the repository."""
    return _SCHEME.match(target) is not None


def file_of(target: str, *, within: str) -> str | None:
    """The file that a target means in file `within`, both by their paths from the repository's root; None: none."""
    path = target.partition("#")[0]
    here = posixpath.normpath(posixpath.join(posixpath.dirname(within), path)) if path else within
    if (ROOT / here).is_dir():
        fronts = [f"{here}/{name}" for name in _FRONTS if (ROOT / here / name).is_file()]
        return fronts[0] if fronts else None
    return here if not here.startswith("..") and (ROOT / here).is_file() else None
