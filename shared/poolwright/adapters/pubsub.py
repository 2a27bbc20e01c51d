"""Pub/Sub, publishing only (https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/publish).

The generated client under google-cloud-pubsub: a function publishes a handful of messages and waits for them, so the
high-level client's threads and batches would only cost start-up time. PUBSUB_EMULATOR_HOST is honoured as there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from poolwright import traces
from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_errors import READ_RETRY, TIMEOUT, translated

HOST = "pubsub.googleapis.com"
PUBLISH_RETRY = READ_RETRY  # a repeated publish is a doubled message, which is nothing new to anybody
_MESSAGES_A_CALL = 1000  # https://cloud.google.com/pubsub/quotas#resource_limits


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
        return self._publish(topic, [(data, attributes or {})])[0]

    @translated()
    def publish_all(self, topic: str, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> None:
        for start in range(0, len(messages), _MESSAGES_A_CALL):
            self._publish(topic, messages[start : start + _MESSAGES_A_CALL])

    def _publish(self, topic: str, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> list[str]:
        name = topic if "/" in topic else f"projects/{self._project}/topics/{topic}"
        bodies = [{"data": data, "attributes": traces.carried(attributes)} for data, attributes in messages]
        request = {"topic": name, "messages": bodies}
        answer = self._client.publish(request=request, retry=PUBLISH_RETRY, timeout=TIMEOUT)
        return [str(each) for each in answer.message_ids]
