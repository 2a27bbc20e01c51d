"""One bench for both servers: the real Python client, endpoints that take pushes, names nobody else uses."""

from __future__ import annotations

import base64
import itertools
import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from google.cloud import pubsub_v1

PROJECT = "demo-project"

_names = itertools.count(1)


def wait_for(done: Callable[[], Any], what: str, *, within: float = 20) -> Any:
    """The first truthy `done()`; fails with what was awaited."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        if found := done():
            return found
        time.sleep(0.02)
    return pytest.fail(f"{what}: did not happen within {within} seconds")


@dataclass
class Push:
    """One request that an endpoint got."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))


class Endpoint:
    """A push endpoint; `answer(push)` gives the status, 204 by default."""

    def __init__(self) -> None:
        self.got: list[Push] = []
        self.answer: Callable[[Push], int] = lambda _: 204
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                push = Push({name.lower(): value for name, value in self.headers.items()}, body)
                endpoint.got.append(push)
                self.send_response_only(endpoint.answer(push))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/push"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def data(self) -> list[bytes]:
        """The data of what came wrapped, in the order it came."""
        return [base64.b64decode(each.json["message"].get("data", "")) for each in self.got]


@dataclass
class Bench:
    """A Pub/Sub server and clients of it; `kind` is `embedded` or `official`."""

    kind: str
    address: str
    endpoints: list[Endpoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        before = os.environ.get("PUBSUB_EMULATOR_HOST")
        os.environ["PUBSUB_EMULATOR_HOST"] = self.address
        try:
            options = pubsub_v1.types.PublisherOptions(enable_message_ordering=True)
            self.publisher = pubsub_v1.PublisherClient(publisher_options=options)
            self.subscriber = pubsub_v1.SubscriberClient()
        finally:
            del os.environ["PUBSUB_EMULATOR_HOST"]
            if before is not None:
                os.environ["PUBSUB_EMULATOR_HOST"] = before

    def close(self) -> None:
        self.publisher.stop()
        self.publisher.transport.close()
        self.subscriber.close()

    def name(self, kind: str) -> str:
        """A name that nothing has yet; `kind`: topics, subscriptions, snapshots."""
        return f"projects/{PROJECT}/{kind}/test-{os.getpid()}-{next(_names)}"

    def topic(self, **fields: Any) -> str:
        name = self.name("topics")
        self.publisher.create_topic(request={"name": name, **fields})
        return name

    def subscription(self, topic: str, **fields: Any) -> str:
        name = self.name("subscriptions")
        self.subscriber.create_subscription(request={"name": name, "topic": topic, **fields})
        return name

    def publish(self, topic: str, data: bytes = b"", **attributes: str) -> str:
        """One message by one request; its id."""
        message = {"data": data, "attributes": attributes}
        answer = self.publisher.api.publish(request={"topic": topic, "messages": [message]})
        return str(answer.message_ids[0])

    def pull(self, subscription: str, *, limit: int = 100) -> list[Any]:
        """What is there at once."""
        request = {"subscription": subscription, "max_messages": limit, "return_immediately": True}
        return list(self.subscriber.pull(request=request).received_messages)

    def pull_until(self, subscription: str, count: int) -> list[Any]:
        """Pull until so many have come."""
        got: list[Any] = []

        def enough() -> bool:
            got.extend(self.pull(subscription))
            return len(got) >= count

        wait_for(enough, f"{count} messages from {subscription}")
        return got

    def acknowledge(self, subscription: str, messages: list[Any]) -> None:
        ids = [each.ack_id for each in messages]
        self.subscriber.acknowledge(request={"subscription": subscription, "ack_ids": ids})

    def refuse(self, subscription: str, messages: list[Any]) -> None:
        ids = [each.ack_id for each in messages]
        request = {"subscription": subscription, "ack_ids": ids, "ack_deadline_seconds": 0}
        self.subscriber.modify_ack_deadline(request=request)

    def endpoint(self) -> Endpoint:
        made = Endpoint()
        self.endpoints.append(made)
        return made
