"""Which page is where, and how it is answered: GET and HEAD alone, HTML or the same as JSON, nothing that a browser
would keep, run or show in somebody else's frame.

| path | page | JSON beside it |
|---|---|---|
| `/`, `/fleet` | environments, clusters, node pools, instance groups | `/fleet.json` |
| `/drift` | groups that are not where they should be, and why | `/drift.json` |
| `/rollouts` | rollouts, the latest first | `/rollouts.json` |
| `/rollouts/ID` | one of them: waves, gates, groups | `/rollouts/ID.json` |
| `/provisioners` | capacity: last decisions, why, and what would change them | `/provisioners.json` |
| `/audit` | the records, filtered | `/audit.json` |

Header by header: https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html.
"""

from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from poolwright.services.ports import Missing, Ports, SignIn, Weather
from poolwright.status_page import rendering
from poolwright.verdicts import Refused

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
KEPT_BY_NOBODY = "no-store"
KEPT_FOR_EVER = "private, max-age=31536000, immutable"  # their addresses tell their content
_ROLLOUT = re.compile(r"/rollouts/([\w.:-]{1,120})")
_NUMBER = re.compile(r"[0-9]{1,18}")
_LONGEST = 200  # characters of what somebody looks for
_WORTH_PACKING = 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """A request; `headers` by lower-case name."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What goes back."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Page:
    """`read` gives what is shown, and its JSON; `template` shows it."""

    template: str
    read: Callable[[Ports, Mapping[str, str]], Any]


class NoSuchPage(Exception):
    """There is nothing at this path."""


def answer(asked: Asked, ports: Callable[[], Ports], sign_in: Callable[[], SignIn | None]) -> Answer:
    """The answer to any request; no error leaves. `sign_in` says who may look, None where the door alone does."""
    if asked.method not in ("GET", "HEAD"):
        told = _trouble(asked, 405, "This page is only for looking", "GET and HEAD are all it takes.")
        return Answer(told.status, told.body, {**told.headers, "Allow": "GET, HEAD"})
    if asset := rendering.assets().get(asked.path.lstrip("/")):
        return _packed(asked, Answer(200, asset.content, _headers(asset.kind, KEPT_FOR_EVER)))
    try:
        door = sign_in()
        who = door.who(asked.headers) if door else ""
        return _packed(asked, _page(asked, ports, who))
    except Refused as refusal:
        log.warning("not shown: %s", refusal)
        return _trouble(asked, 403, "You are not signed in", f"{refusal.problem}. {refusal.remedy}.")
    except NoSuchPage as missing:
        return _trouble(asked, 404, "There is no such page", f"{missing}.")
    except Weather as weather:
        log.warning("not shown: %s", weather)
        return _trouble(asked, 503, "Not now", "Something it needs does not answer. Load the page again in a minute.")
    except Exception:
        log.exception("a page failed")
        return _trouble(asked, 500, "This page failed", "The log of function status_page says why.")


def _page(asked: Asked, ports: Callable[[], Ports], who: str) -> Answer:
    path, as_json = asked.path, asked.path.endswith(".json")
    path = (path.removesuffix(".json") if as_json else path).rstrip("/") or "/fleet"
    page = _at(path)
    outside = ports()
    found = page.read(outside, asked.query)
    if as_json:
        return Answer(200, msgspec.json.encode(found), _headers("application/json", KEPT_BY_NOBODY))
    text = rendering.page(page.template, path=path, asked=asked.path, query=asked.query, who=who, found=found)
    return Answer(200, text.encode(), _headers("text/html; charset=utf-8", KEPT_BY_NOBODY))


def _at(path: str) -> Page:
    """The page at a path. NoSuchPage."""
    if path in _PAGES:
        return _PAGES[path]
    if one := _ROLLOUT.fullmatch(path):
        name = one[1]
        return Page("rollout.html", lambda ports, query: _rollout(ports, name))
    raise NoSuchPage("Fleet, drift, rollouts, provisioners and audit are all there are")


# Each is imported when somebody looks at it.


def _fleet(ports: Ports, query: Mapping[str, str]) -> Any:
    from poolwright.services import overview

    return overview.read(ports)


def _drift(ports: Ports, query: Mapping[str, str]) -> Any:
    from poolwright.services import overview

    return overview.drift_of(overview.read(ports))


def _rollouts(ports: Ports, query: Mapping[str, str]) -> Any:
    from poolwright.services import rollout_seen

    return rollout_seen.newest(ports, before=_before(query))


def _rollout(ports: Ports, name: str) -> Any:
    from poolwright.services import rollout_seen

    try:
        return rollout_seen.one(ports, name)
    except Missing as missing:
        raise NoSuchPage(str(missing)) from None


def _provisioners(ports: Ports, query: Mapping[str, str]) -> Any:
    from poolwright.services import provisioners_seen

    return provisioners_seen.read(ports)


def _audit(ports: Ports, query: Mapping[str, str]) -> Any:
    from poolwright.services import audit_trail

    said = {name: query.get(name, "").strip()[:_LONGEST] for name in ("environment", "kind", "text")}
    return audit_trail.read(ports, audit_trail.Wanted(**said, before=_before(query)))


_PAGES = {
    "/fleet": Page("fleet.html", _fleet),
    "/drift": Page("drift.html", _drift),
    "/rollouts": Page("rollouts.html", _rollouts),
    "/provisioners": Page("provisioners.html", _provisioners),
    "/audit": Page("audit.html", _audit),
}


def _before(query: Mapping[str, str]) -> int:
    """Where the page before ended. NoSuchPage."""
    text = query.get("before", "") or "0"
    if not _NUMBER.fullmatch(text):
        raise NoSuchPage("`before` in its address is no number that a page gave; begin at the first page")
    return int(text)


def _trouble(asked: Asked, status: int, title: str, text: str) -> Answer:
    if asked.path.endswith(".json"):
        body = msgspec.json.encode({"status": status, "title": title, "text": text})
        return Answer(status, body, _headers("application/json", KEPT_BY_NOBODY))
    html = rendering.trouble(title, text, path=asked.path)
    return Answer(status, html.encode(), _headers("text/html; charset=utf-8", KEPT_BY_NOBODY))


def _headers(kind: str, kept: str) -> dict[str, str]:
    return {**HEADERS, "Content-Type": kind, "Cache-Control": kept, "Vary": "Accept-Encoding"}


def _packed(asked: Asked, plain: Answer) -> Answer:
    """Gzipped, where the browser takes that: a large fleet is then a tenth."""
    if len(plain.body) < _WORTH_PACKING or "gzip" not in asked.headers.get("accept-encoding", ""):
        return plain
    packed = gzip.compress(plain.body, 5, mtime=0)
    return Answer(plain.status, packed, {**plain.headers, "Content-Encoding": "gzip"})
