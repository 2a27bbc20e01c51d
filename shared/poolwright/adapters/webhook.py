"""A Slack-style incoming webhook (https://api.slack.com/messaging/webhooks). Its URL is a secret: it stands in an
environment variable, and in no message, log or error of ours."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

import requests

from poolwright.services.ports import Weather
from poolwright.verdicts import Refused

TIMEOUT = 10.0  # seconds
_LOOPBACK = ("127.0.0.1", "localhost")


class SlackWebhook:
    """The `Webhook` port."""

    def post(self, variable: str, text: str) -> None:
        url = _url(variable)
        try:
            answer = requests.post(url, json={"text": text}, timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:  # its text quotes the URL
            raise Weather(f"the webhook in {variable} does not answer: {type(error).__name__}") from None
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Weather(f"the webhook in {variable} answers {answer.status_code}")
        if answer.status_code >= 300:
            raise Refused(
                f"the webhook in {variable}",
                f"answers {answer.status_code}",
                "Make a new webhook, and put its URL into that variable's secret",
            )


def _url(variable: str) -> str:
    url = os.environ.get(variable, "").strip()
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)):
        return url
    raise Refused(
        f"environment variable {variable}",
        "holds no https URL" if url else "is not set",
        "Give function notify the URL of the webhook in it, from a secret; or take webhookVariable out",
    )
