"""Pub/Sub's topics and subscriptions, reading only (https://cloud.google.com/pubsub/docs/reference/rest)."""

from __future__ import annotations

import os

from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_rest import Dates, Rest
from poolwright.adapters.pubsub import HOST
from poolwright.services.ports import Json


class PubSubDeployed:
    """The doctor's `PubSub` port. PUBSUB_EMULATOR_HOST is honoured as by whoever publishes."""

    def __init__(self, access: GoogleAccess, dates: Dates) -> None:
        emulator = os.environ.get("PUBSUB_EMULATOR_HOST")
        self._rest = Rest(GoogleAccess({HOST: f"http://{emulator}"}) if emulator else access, HOST, dates)

    def topics(self, project: str) -> list[str]:
        return [each["name"] for each in self._rest.pages(f"v1/projects/{project}/topics", "topics")]

    def subscriptions(self, project: str) -> list[Json]:
        return self._rest.pages(f"v1/projects/{project}/subscriptions", "subscriptions")

    def topic_policy(self, topic: str) -> Json:
        return self._rest.get(f"v1/{topic}:getIamPolicy")
