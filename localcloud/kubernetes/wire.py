"""HTTP to an apiserver: one request at a time, and a watch that lasts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import requests

from localcloud.kubernetes.errors import ApiError

Json = dict[str, Any]

TIMEOUT = 15.0
WATCH_SECONDS = 300
AGAIN_AFTER = 0.2


class Connection:
    """To `url`, whose certificate `ca_file` vouches for, with a bearer token."""

    def __init__(self, url: str, *, token: str, ca_file: str) -> None:
        self._url = url
        self._token = token
        self._ca_file = ca_file
        self._session = self.session()

    def session(self) -> requests.Session:
        """One more, for another thread."""
        session = requests.Session()
        session.trust_env = False
        session.verify = self._ca_file
        session.headers["Authorization"] = f"Bearer {self._token}"
        session.headers["User-Agent"] = "localcloud"
        return session

    def ask(
        self, method: str, path: str, body: Json | None = None, *, content: str = "application/json",
        query: Mapping[str, str] | None = None, session: requests.Session | None = None,
    ) -> Json:  # fmt: skip
        """The decoded answer. ApiError as the server says it; 503 where nobody answers."""
        try:
            answer = (session or self._session).request(
                method, self._url + path, params=query, data=json.dumps(body) if body is not None else None,
                headers={"Content-Type": content}, timeout=TIMEOUT,
            )  # fmt: skip
        except requests.RequestException as away:
            raise ApiError(503, "ServiceUnavailable", f"{method} {path}: {away}") from away
        if answer.status_code >= 400:
            raise _refusal(answer)
        found: Json = answer.json()
        return found

    def watch(self, path: str, version: str, *, session: requests.Session) -> requests.Response:
        """A stream of events after `version`, a line each."""
        query: dict[str, str] = {
            "watch": "1",
            "resourceVersion": version,
            "allowWatchBookmarks": "1",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        answer = session.get(self._url + path, params=query, stream=True, timeout=(TIMEOUT, WATCH_SECONDS + TIMEOUT))
        if answer.status_code >= 400:
            raise _refusal(answer)
        return answer


class Watch:
    """Objects under a path: `all_are` is called with all of them, `changed` with each event's type and object."""

    def __init__(
        self, connection: Connection, path: str, *, all_are: Callable[[list[Json]], object],
        changed: Callable[[str, Json], object],
    ) -> None:  # fmt: skip
        self._connection = connection
        self._path = path
        self._all_are = all_are
        self._changed = changed
        self._session = connection.session()
        self._version = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch {path}", daemon=True)

    def start(self) -> None:
        """List once, here; then watch, elsewhere."""
        self._list()
        self._thread.start()

    def stop(self) -> None:
        """The thread ends when its stream does."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._version:
                    self._list()
                self._follow()
            except ApiError:
                self._version = ""
            except (requests.RequestException, OSError):
                pass  # the stream broke off; what it told is known
            self._stopped.wait(AGAIN_AFTER)

    def _list(self) -> None:
        found = self._connection.ask("GET", self._path, session=self._session)
        self._all_are(found["items"])
        self._version = found["metadata"]["resourceVersion"]

    def _follow(self) -> None:
        with self._connection.watch(self._path, self._version, session=self._session) as stream:
            for line in stream.iter_lines(chunk_size=None):
                if self._stopped.is_set():
                    return
                event = json.loads(line)
                if event["type"] == "ERROR":
                    self._version = ""
                    return
                self._version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] != "BOOKMARK":
                    self._changed(event["type"], event["object"])


def _refusal(answer: requests.Response) -> ApiError:
    try:
        said: Json = answer.json()
    except ValueError:
        said = {}
    return ApiError(
        answer.status_code, str(said.get("reason", "")), str(said.get("message", answer.text.strip())),
        details=said.get("details"),
    )  # fmt: skip
