"""How requests are answered, whatever stands behind the pages."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from poolwright.services.ports import Missing, Ports, SignIn, Weather
from poolwright.status_page import rendering, site
from poolwright.status_page.site import Asked
from poolwright.verdicts import Refused
from tests.status_page.examples import Parsed
from tests.unit.services.conftest import Outside, Store

PAGES = ("/", "/fleet", "/drift", "/rollouts", "/provisioners", "/audit")
JSON = tuple(f"{path}.json" for path in PAGES[1:])


@pytest.fixture(name="outside")
def _outside(tmp_path: Path) -> Outside:
    return Outside(store=Store(tmp_path / "store.db"))


def look(
    outside: Outside, path: str, *, method: str = "GET", door: SignIn | None = None, **headers: str
) -> site.Answer:
    path, _, query = path.partition("?")
    fields = dict(each.split("=", 1) for each in query.split("&") if each)
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return site.answer(Asked(method, path, fields, named), lambda: outside.ports, lambda: door)


@pytest.mark.parametrize("path", PAGES + JSON)
def test_every_page_is_there_before_there_is_anything_to_show(outside: Outside, path: str) -> None:
    answer = look(outside, path)
    assert answer.status == 200
    kind = "application/json" if path.endswith(".json") else "text/html; charset=utf-8"
    assert answer.headers["Content-Type"] == kind


@pytest.mark.parametrize("path", [*PAGES, *(f"{path}/" for path in PAGES[1:])])
def test_a_page_finds_its_style_with_a_slash_at_the_end_and_without(outside: Outside, path: str) -> None:
    found = re.search(r'rel="stylesheet" href="([^"]+)"', look(outside, path).body.decode())
    assert found
    assert look(outside, urlsplit(urljoin(f"http://page{path}", found[1])).path).status == 200


def test_a_store_that_is_not_there_is_no_page_that_is_not_there(outside: Outside) -> None:
    def ports() -> Ports:
        raise Missing("the database does not exist")

    assert site.answer(Asked("GET", "/fleet"), ports, lambda: None).status == 500


@pytest.mark.parametrize("path", PAGES + JSON + ("/nothing", "/rollouts/none", "/style.css"))
def test_no_answer_may_be_framed_guessed_at_or_told_about(outside: Outside, path: str) -> None:
    headers = look(outside, path).headers
    policy = dict(each.strip().split(" ", 1) for each in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert {policy[f"{each}-src"] for each in ("script", "style", "img", "connect")} == {"'self'"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"].startswith("private" if path == "/style.css" else "no-store")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_a_page_is_only_looked_at(outside: Outside, method: str) -> None:
    answer = look(outside, "/fleet", method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_head_is_answered_as_get(outside: Outside) -> None:
    assert look(outside, "/fleet", method="HEAD").status == 200


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/fleet/more", "/rollouts/none", "/rollouts/", "/rollouts/../secrets", "/rollouts/a%2Fb", "/style.cs",
     "/site.py", "/../site.py", "/templates/base.html", "/audit?before=x", "/audit?before=" + "9" * 30,
     "/rollouts?before=-1"],
)  # fmt: skip
def test_what_is_not_there_is_said_to_be_missing(outside: Outside, path: str) -> None:
    if path == "/rollouts/":
        assert look(outside, path).status == 200
    else:
        answer = look(outside, path)
        assert answer.status == 404
        assert Parsed(answer.body.decode()).all("h1")


def test_trouble_is_json_where_json_was_asked_for(outside: Outside) -> None:
    answer = look(outside, "/nothing.json")
    assert (answer.status, json.loads(answer.body)["status"]) == (404, 404)


def test_a_store_that_does_not_answer_is_bad_weather(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise Weather("the store is away; KUBELET_KEY: c4n4ry")

    monkeypatch.setattr(type(outside.store), "get", away)
    answer = look(outside, "/fleet")
    assert answer.status == 503
    assert b"c4n4ry" not in answer.body


def test_a_bug_is_told_to_the_log_alone(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("c4n4ry")

    monkeypatch.setattr(type(outside.store), "get", broken)
    answer = look(outside, "/fleet")
    assert answer.status == 500
    assert b"c4n4ry" not in answer.body


def test_a_setting_that_is_missing_is_no_crash() -> None:
    def ports() -> Ports:
        raise RuntimeError("POOLWRIGHT_PROJECT is not set")

    assert site.answer(Asked("GET", "/fleet"), ports, lambda: None).status == 500


@dataclass
class Door:
    """Vouches for whoever says who he is."""

    def who(self, headers: Mapping[str, str]) -> str:
        if "x-me" not in headers:
            raise Refused("x-me", "Nobody vouches for you", "Sign in")
        return headers["x-me"]


def test_who_is_signed_in_is_shown_by_name_and_nobody_else_sees_a_page(outside: Outside) -> None:
    assert "ada@example.com" in look(outside, "/fleet", door=Door(), x_me="ada@example.com").body.decode()
    for path in PAGES + JSON + ("/rollouts/none", "/nothing"):
        assert look(outside, path, door=Door()).status == 403


def test_a_name_that_nobody_vouches_for_is_not_shown(outside: Outside) -> None:
    page = look(outside, "/fleet", x_goog_authenticated_user_email="accounts.google.com:eve@example.com").body.decode()
    assert "eve@" not in page
    assert "signed in" not in page


def test_what_a_page_refers_to_is_there_and_may_be_kept(outside: Outside) -> None:
    for path in ("/fleet", "/nothing/at/all"):
        parsed = Parsed(look(outside, path).body.decode())
        found = [
            each.get("href") or each.get("src") or "" for tag in ("link", "script", "img") for each in parsed.all(tag)
        ]
        assert len(found) >= 2
        for address in found:
            name = address.rpartition("/")[2]
            assert address.startswith("./" if path == "/fleet" else "../../")
            assert look(outside, f"/{name.partition('?')[0]}").headers["Cache-Control"].endswith("immutable")


def test_the_style_is_small() -> None:
    assert len(rendering.assets()["style.css"].content) < 10_000


def test_a_browser_that_takes_gzip_gets_it(outside: Outside) -> None:
    plain, packed = look(outside, "/style.css"), look(outside, "/style.css", accept_encoding="br, gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
