"""Reads of APIs that have no client library here: what an answer means, and what it says of the time."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from poolwright.adapters import google_rest
from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_rest import Dates, Rest
from poolwright.services.ports import Missing, Rejected, Weather
from tests.contract.adapters.conftest import Canned, google_error

HOST = "serviceusage.googleapis.com"


def rest(canned: Canned, dates: Dates | None = None) -> Rest:
    return Rest(GoogleAccess({HOST: canned.url}), HOST, dates or Dates())


def test_all_pages_of_a_list_are_read(canned: Canned) -> None:
    canned.tell("GET", "/v1/things", (200, {"things": [{"n": 1}], "nextPageToken": "a"}), (200, {"things": [{"n": 2}]}))
    assert rest(canned).pages("v1/things", "things", {"view": "FULL"}) == [{"n": 1}, {"n": 2}]
    assert [each.query for each in canned.asked] == [{"view": "FULL"}, {"view": "FULL", "pageToken": "a"}]


@pytest.mark.parametrize(("code", "error"), [(404, Missing), (403, Rejected), (400, Rejected), (503, Weather)])
def test_an_error_means_what_it_means_everywhere(
    canned: Canned, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]
) -> None:
    monkeypatch.setattr(google_rest, "READ_RETRY", lambda read: read)
    canned.tell("GET", "/v1/thing", google_error(code, "no", "because"))
    with pytest.raises(error, match="no"):
        rest(canned).get("v1/thing")


def test_every_answer_tells_how_far_the_clocks_are_apart(canned: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
    canned.tell("GET", "/v1/thing", (200, {}))
    dates = Dates()
    asked = rest(canned, dates)
    asked.get("v1/thing")
    monkeypatch.setattr(google_rest, "time", SimpleNamespace(time=lambda: time.time() + 500))
    asked.get("v1/thing")
    right, behind = dates.offsets()
    assert abs(right) < 60
    assert abs(behind + 500) < 60
