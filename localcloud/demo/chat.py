"""A chat with an incoming webhook, on loopback: what poolwright tells people there."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VARIABLE = "POOLWRIGHT_DEMO_CHAT"
"""The environment variable that holds the webhook's URL."""


class Chat:
    """`texts`: what was posted, in order. `url`: where to post."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.url = ""

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Take posts, as Slack does (https://api.slack.com/messaging/webhooks)."""
        texts = self.texts

        class Post(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                texts.append(json.loads(self.rfile.read(length))["text"])
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """Nothing is logged: the path is the secret."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Post) as server:
            self.url = f"http://127.0.0.1:{server.server_port}/services/demo"
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield
            finally:
                server.shutdown()
