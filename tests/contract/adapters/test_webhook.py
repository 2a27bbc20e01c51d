"""The webhook adapter against answers of a server: its URL is a secret and stands nowhere."""

from __future__ import annotations

import logging

import pytest

from poolwright.adapters import webhook
from poolwright.services.ports import Weather
from poolwright.verdicts import Refused
from tests.contract.adapters.conftest import HANG_UP, Answer, Canned

VARIABLE, PATH = "SLACK_WEBHOOK", "/services/T0/B0/thisIsTheSecret"


@pytest.fixture
def told(canned: Canned, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Canned:
    monkeypatch.setenv(VARIABLE, canned.url + PATH)
    caplog.set_level(logging.DEBUG, logger="poolwright")
    return canned


def test_the_text_is_posted_as_json(told: Canned) -> None:
    told.tell("POST", PATH, (200, b"ok"))
    webhook.SlackWebhook().post(VARIABLE, "[dev] g: done")
    assert [asked.body for asked in told.asked] == [{"text": "[dev] g: done"}]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (HANG_UP, Weather),
        ((500, b""), Weather),
        ((429, b""), Weather),
        ((404, b"no_service"), Refused),
        ((302, b""), Refused),
    ],
)
def test_what_goes_wrong_is_told_without_the_url(
    told: Canned, caplog: pytest.LogCaptureFixture, answer: Answer, verdict: type[Exception]
) -> None:
    told.tell("POST", PATH, answer)
    with pytest.raises(verdict, match=VARIABLE) as raised:
        webhook.SlackWebhook().post(VARIABLE, "x")
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    assert "thisIsTheSecret" not in f"{raised.value!r} {raised.value} {caplog.text}"


@pytest.mark.parametrize(
    "url", ["", "http://chat.acme.example/thisIsTheSecret", "thisIsTheSecret", "https://[thisIsTheSecret"]
)
def test_what_is_no_https_url_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(VARIABLE, url)
    with pytest.raises(Refused, match="from a secret") as raised:
        webhook.SlackWebhook().post(VARIABLE, "x")
    assert "thisIsTheSecret" not in str(raised.value)
