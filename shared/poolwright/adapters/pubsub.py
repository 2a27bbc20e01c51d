"""Pub/Sub, publishing only (https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/publish).

The generated client under google-cloud-pubsub: a function publishes a handful of messages and waits for them, so the
high-level client's threads and batches would only cost start-up time. PUBSUB_EMULATOR_HOST is honoured as there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_errors import TIMEOUT, translated

HOST = "pubsub.googleapis.com"


class PubSub:
    """The `Publisher` port. A topic is named `work` (in our project) or `projects/P/topics/work`."""

    def __init__(self, access: GoogleAccess, *, project: str) -> None:
        self._project = project
        emulator = os.environ.get("PUBSUB_EMULATOR_HOST")
        self._access = GoogleAccess({HOST: f"http://{emulator}"}) if emulator else access

    @cached_property
    def _client(self) -> Any:
        from google.pubsub_v1.services.publisher import PublisherClient

        return self._access.grpc(PublisherClient, HOST)

    @translated()
    def publish(self, topic: str, data: bytes, attributes: Mapping[str, str] | None = None) -> str:
        name = topic if "/" in topic else f"projects/{self._project}/topics/{topic}"
        message = {"data": data, "attributes": dict(attributes or {})}
        answer = self._client.publish(request={"topic": name, "messages": [message]}, retry=None, timeout=TIMEOUT)
        return str(answer.message_ids[0])
