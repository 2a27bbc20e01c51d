"""Reads of Google's APIs as JSON, for those that need no client library."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from google.api_core.exceptions import from_http_response

from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_errors import READ_RETRY, TIMEOUT, rejections, translated
from poolwright.services.ports import Json

Params = Mapping[str, str | Sequence[str]]


class Dates:
    """By how many seconds Google's clock was ahead of ours, answer by answer (https://www.rfc-editor.org/rfc/rfc9110#name-date)."""

    def __init__(self) -> None:
        self._offsets: list[float] = []

    def offsets(self) -> Sequence[float]:
        return tuple(self._offsets)

    def heard(self, date: str | None, *, asked: float) -> None:
        """An answer's Date, and when it was asked for. The header has whole seconds, cut off: half of one is added."""
        if date:
            self._offsets.append(parsedate_to_datetime(date).timestamp() + 0.5 - (asked + time.time()) / 2)


class Rest:
    """One API. `get` and `ask` change nothing: what is asked by POST are reads too."""

    def __init__(self, access: GoogleAccess, host: str, dates: Dates) -> None:
        self._access = access
        self._host = host
        self._dates = dates

    def get(self, path: str, params: Params | None = None) -> Json:
        """GET. Missing; Weather; Rejected."""
        return self._read("GET", path, params, None)

    def ask(self, path: str, body: Json | None = None) -> Json:
        """A read that is a POST. Missing; Weather; Rejected."""
        return self._read("POST", path, None, body or {})

    def pages(self, path: str, key: str, params: Params | None = None) -> list[Json]:
        """All items of a list."""
        found: list[Json] = []
        token = ""
        while True:
            page = self.get(path, {**(params or {}), **({"pageToken": token} if token else {})})
            found += page.get(key, [])
            if not (token := page.get("nextPageToken", "")):
                return found

    @translated()
    @rejections()
    def _read(self, verb: str, path: str, params: Params | None, body: Json | None) -> Json:
        found: Json = READ_RETRY(self._send)(verb, path, params, body)
        return found

    def _send(self, verb: str, path: str, params: Params | None, body: Json | None) -> Json:
        url, asked = f"{self._access.url(self._host)}/{path}", time.time()
        answer: Any = self._access.session.request(verb, url, params=params, json=body, timeout=TIMEOUT)
        self._dates.heard(answer.headers.get("Date"), asked=asked)
        if answer.status_code >= 400:
            raise from_http_response(answer)
        found: Json = answer.json()
        return found
