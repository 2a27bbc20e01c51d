"""The Publisher port on the embedded Pub/Sub and, where gcloud has it, on Google's emulator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.publisher import PublisherClient

from localcloud import emulators
from localcloud.pubsub import HOST
from localcloud.pubsub import PubSub as StandIn
from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.pubsub import PubSub
from poolwright.services.ports import Missing, Weather
from tests.contract.conftest import Served

PROJECT = "demo-project"


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    found = emulators.find_pubsub()
    if found is None:
        pytest.skip("no Pub/Sub emulator: publishing to Google's own is not proved here")
    running = asyncio.run(found.start(tmp_path_factory.mktemp("pubsub")))
    yield running.address
    running.stop()


@pytest.fixture(params=["embedded", "endpoint", pytest.param("official", marks=pytest.mark.official)])
def publisher(request: pytest.FixtureRequest, served: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> PubSub:
    """Our adapter on each server, told of it by the emulator's variable or by an endpoint of ours."""
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    if request.param == "official":
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", request.getfixturevalue("official"))
        return PubSub(GoogleAccess({}), project=PROJECT)
    running = served()
    running.serve(running.call(StandIn, running.world).api())
    if request.param == "endpoint":
        return PubSub(GoogleAccess(running.endpoints), project=PROJECT)
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", running.endpoints[HOST].removeprefix("http://"))
    return PubSub(GoogleAccess({}), project=PROJECT)


def test_a_message_arrives_with_its_bytes_and_attributes(publisher: PubSub) -> None:
    topic, subscription = topic_and_subscription(publisher)
    data = bytes(range(256))
    by_id = publisher.publish("work", data, {"kind": "group"})
    by_name = publisher.publish(topic, b"plain")
    assert by_id and by_name and by_id != by_name
    found = {each.message.message_id: each.message for each in pull(publisher, subscription, 2)}
    assert (found[by_id].data, dict(found[by_id].attributes)) == (data, {"kind": "group"})
    assert (found[by_name].data, dict(found[by_name].attributes)) == (b"plain", {})


def test_a_topic_that_is_not_there_is_missing(publisher: PubSub) -> None:
    with pytest.raises(Missing):
        publisher.publish("nowhere", b"x")


def test_a_server_that_is_not_there_is_weather(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    with pytest.raises(Weather):
        PubSub(GoogleAccess({}), project="p").publish("work", b"x")


def topic_and_subscription(publisher: PubSub) -> tuple[str, str]:
    """`work` and a subscription to it, made through Google's client on the same server."""
    topic, subscription = f"projects/{PROJECT}/topics/work", f"projects/{PROJECT}/subscriptions/step"
    publisher._access.grpc(PublisherClient, HOST).create_topic(name=topic)
    publisher._access.grpc(SubscriberClient, HOST).create_subscription(name=subscription, topic=topic)
    return topic, subscription


def pull(publisher: PubSub, subscription: str, count: int) -> list[Any]:
    client = publisher._access.grpc(SubscriberClient, HOST)
    found: list[Any] = []
    for _ in range(20):
        found += client.pull(subscription=subscription, max_messages=count, timeout=5).received_messages
        if len(found) >= count:
            break
    return found
