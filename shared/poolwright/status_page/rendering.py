"""From what was read to HTML. Everything is escaped; what could reorder or hide text is shown by its code point."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from poolwright.references import last_part
from poolwright.services import reasons
from poolwright.status_page.tones import tone

_TROUBLE = ("refused", "failed", "stuck")
_HERE = Path(__file__).parent
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

# Control characters, and those that turn the direction of what follows
# (https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters).
_MISLEADING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


@dataclass(frozen=True)
class Asset:
    """A file that pages refer to."""

    content: bytes
    kind: str


@cache
def assets() -> Mapping[str, Asset]:
    """By name."""
    files = sorted((_HERE / "assets").iterdir())
    return {each.name: Asset(each.read_bytes(), _KINDS[each.suffix]) for each in files if each.suffix in _KINDS}


def page(template: str, *, path: str, asked: str, query: Mapping[str, str], who: str, found: Any) -> str:
    """The page at `path`, of what was found, asked for at the path `asked`, which may end in a slash; `who` is signed
    in, empty where nobody says."""
    return (
        _jinja()
        .get_template(template)
        .render(found=found, query=query, who=who, here=path, base="../" * (asked.count("/") - 1) or "./")
    )


def trouble(title: str, text: str, *, path: str) -> str:
    """A page that says what is wrong, and that refers to others wherever it is."""
    return (
        _jinja()
        .get_template("trouble.html")
        .render(
            title=title,
            text=text,
            found=None,
            query={},
            who="",
            here="",
            base="../" * max(0, path.count("/") - 1) or "./",
        )
    )


@cache
def _jinja() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, finalize=harmless, auto_reload=False,
    )  # fmt: skip
    made.filters.update(moment=moment, ago=ago, tone=tone, sentence=sentence, capital=capital, name=last_part, run=run)
    made.globals.update(asset=_asset, shared=reasons.shared, said=said, tally=tally, states=states)
    return made


def harmless(value: Any) -> Any:
    """Text without characters that make other text look like something else."""
    if not isinstance(value, str) or not _MISLEADING.search(value):
        return value
    return type(value)(_MISLEADING.sub(lambda found: f"[U+{ord(found[0]):04X}]", value))


def moment(seconds: float) -> str:
    """A moment, as the records have it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@pass_context
def ago(context: Context, seconds: float) -> str:
    """How long before the page was read, in the largest unit that says something."""
    passed = max(0, int(context["found"].as_of - seconds))
    for unit, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if passed >= unit:
            return f"{passed // unit} {name} ago"
    return f"{passed} s ago"


def sentence(text: str) -> str:
    """With a full stop."""
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def capital(text: str) -> str:
    """With a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def run(run_id: int | None) -> str:
    """What a group is on."""
    return "GKE\u2019s own" if run_id is None else f"run {run_id}"


def tally(words: Iterable[str]) -> list[tuple[str, str, int]]:
    """(word, tone, count), what is well first."""
    order = ("good", "busy", "quiet", "warn", "bad")
    counted = Counter(words)
    return [(word, tone(word), counted[word]) for word in sorted(counted, key=lambda it: (order.index(tone(it)), it))]


def states(environment: Any) -> list[str]:
    """The state of each instance group of an environment."""
    return [group.state for cluster in environment.clusters for pool in cluster.pools for group in pool.groups]


def said(wave: Any) -> list[tuple[str, str, str]]:
    """(state, reason, group) of each group of a wave that is not where it was to be."""
    return [(each.state, each.reason, each.group) for each in wave.groups if each.state in _TROUBLE and each.reason]


def _asset(name: str) -> str:
    """Its address, which changes with its content."""
    return f"{name}?{hashlib.sha256(assets()[name].content).hexdigest()[:12]}"
