"""A server that gives the answers it was told to, for what no stand-in shows: broken lines, fields of tomorrow."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

HANG_UP = (0, None)
Answer = tuple[int, Any]


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class Canned:
    """Answers by method and path; the last one told is given again and again."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: dict[tuple[str, str], list[Answer]] = field(default_factory=lambda: defaultdict(list))

    def tell(self, method: str, path: str, *answers: Answer) -> None:
        self.answers[method, path].extend(answers)

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        told = self.answers.get((asked.method, asked.path))
        if not told:
            return google_error(404, f"nothing was told of {asked.method} {asked.path}", "notFound")
        return told.pop(0) if len(told) > 1 else told[0]


def google_error(code: int, message: str, reason: str) -> Answer:
    """An error in the shape of Compute's (https://cloud.google.com/apis/design/errors#http_mapping)."""
    errors = [{"message": message, "domain": "global", "reason": reason}]
    return code, {"error": {"code": code, "message": message, "errors": errors}}


@pytest.fixture
def canned() -> Iterator[Canned]:
    told = Canned()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
            text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            is_json = text and headers.get("content-type") == "application/json"
            body = json.loads(text) if is_json else text
            status, answer = told.answer(Asked(self.command, url.path, query, headers, body))
            if (status, answer) == HANG_UP:
                self.close_connection = True
                return
            out = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(out)))
            self.end_headers()
            self.wfile.write(out)

        do_GET = do_POST = do_PATCH = do_DELETE = serve  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield told
    server.shutdown()
    server.server_close()
    thread.join(5)
