"""What only the embedded Pub/Sub does: filters, identities, attempts, backoff in the world's time, survival."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth import jwt
from hypothesis import given
from hypothesis import strategies as st

from localcloud.pubsub import PubSub
from localcloud.pubsub.filters import matches
from localcloud.simulation import Simulation
from localcloud.world import World
from tests.contract.conftest import Served
from tests.contract.pubsub.bench import Bench, Endpoint, wait_for

EMAIL = "pubsub-push@demo-project.iam.gserviceaccount.com"
PUSH = {"pushEndpoint": "http://127.0.0.1:9/nobody"}


class Harness:
    """A world in manual time whose deliveries are the test's."""

    def __init__(self) -> None:
        self.world = World(project="demo-project", simulation=Simulation(manual=True))
        self.answers: Callable[[dict[str, Any], int], bool] = lambda _message, _attempt: True
        self.delivered: list[tuple[str, int]] = []
        self.hangs = False
        self.pubsub = PubSub(self.world, deliver=self._deliver)

    async def _deliver(self, subscription: dict[str, Any], message: dict[str, Any], attempt: int) -> bool:
        if self.hangs:
            await asyncio.Event().wait()
        self.delivered.append((base64.b64decode(message["data"]).decode(), attempt))
        return self.answers(message, attempt)

    async def pass_time(self, seconds: float) -> None:
        """Let the world's time pass in small steps, deliveries settled at each."""
        for _ in range(round(seconds * 10)):
            self.world.simulation.advance(0.1)
            await self.pubsub.settle()


@pytest.fixture
async def harness() -> Harness:
    made = Harness()
    made.pubsub.create_topic("work")
    return made


# Filters


@pytest.mark.parametrize(
    ("text", "attributes", "passes"),
    [
        ("", {}, True),
        ("attributes:status", {"status": ""}, True),
        ("attributes:status", {"other": "x"}, False),
        ('attributes.status = "SUCCESS"', {"status": "SUCCESS"}, True),
        ('attributes.status="SUCCESS"', {"status": "success"}, False),
        ('attributes.status != "SUCCESS"', {"status": "FAILURE"}, True),
        ('attributes.status != "SUCCESS"', {}, True),
        ('hasPrefix(attributes.type_url, "type.googleapis.com/")', {"type_url": "type.googleapis.com/X"}, True),
        ('hasPrefix(attributes.type_url, "")', {}, False),
        ("NOT attributes:a", {}, True),
        ("-attributes:a", {"a": ""}, False),
        ("NOT NOT attributes:a", {"a": ""}, True),
        ('NOT attributes:a AND attributes.b = "1"', {"b": "1"}, True),
        ("attributes:a AND (attributes:b OR attributes:c)", {"a": "", "c": ""}, True),
        ("attributes:a AND (attributes:b OR attributes:c)", {"a": ""}, False),
        ("attributes:a OR attributes:b OR attributes:c", {"c": ""}, True),
        ('attributes:"iana.org/language_tag"', {"iana.org/language_tag": "en"}, True),
        ('attributes."with space" = "a\\"b\\\\c\\u00e9"', {"with space": 'a"b\\cé'}, True),
        ('attributes.ce-type = "x"', {"ce-type": "x"}, True),
    ],
)
def test_a_filter_passes_what_its_words_say(text: str, attributes: dict[str, str], passes: bool) -> None:
    assert matches(text, attributes) is passes


@pytest.mark.parametrize(
    "text",
    [
        "status = SUCCESS",
        "attributes.status = SUCCESS",
        "attributes.status",
        "attributes:",
        "attributes.a = 'x'",
        'attributes.a == "x"',
        "attributes:a and attributes:b",
        "attributes:a attributes:b",
        "attributes:a AND attributes:b OR attributes:c",
        "(attributes:a",
        "attributes:a)",
        "NOT",
        'hasPrefix(attributes:a, "x")',
        'data = "x"',
        'attributes.a = "' + "x" * 256 + '"',
    ],
)
def test_a_filter_that_does_not_parse_is_refused(embedded: Bench, text: str) -> None:
    topic = embedded.topic()
    with pytest.raises(exceptions.InvalidArgument, match="filter"):
        embedded.subscription(topic, filter=text)


_atoms = st.sampled_from(["attributes:a", 'attributes.a = "1"', 'attributes.b != "2"', 'hasPrefix(attributes.b, "2")'])
_filters = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        inner.map(lambda each: f"NOT ({each})"),
        st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda each: f"({each[0]}) {each[1]} ({each[2]})"),
    ),
)
_attributes = st.dictionaries(st.sampled_from("ab"), st.sampled_from(["1", "2", "22"]))


@given(_filters, _filters, _attributes)
def test_filters_obey_de_morgan(one: str, two: str, attributes: dict[str, str]) -> None:
    neither = matches(f"NOT (({one}) OR ({two}))", attributes)
    assert neither == matches(f"NOT ({one}) AND NOT ({two})", attributes)
    assert neither is not matches(f"({one}) OR ({two})", attributes)


# Push over HTTP


def _push(bench: Bench, endpoint: Endpoint, *, push_config: dict[str, Any] | None = None, **fields: Any) -> str:
    topic = bench.topic()
    bench.subscription(topic, push_config={"push_endpoint": endpoint.url, **(push_config or {})}, **fields)
    return topic


@pytest.mark.parametrize("audience", ["", "https://functions.example/step"])
def test_a_push_proves_who_sent_it(tmp_path: Path, audience: str, served: Callable[..., Served]) -> None:
    home = served()
    pubsub = home.call(PubSub, home.world)
    home.serve(pubsub.api())
    endpoint = Endpoint()
    config = {"pushEndpoint": endpoint.url, "oidcToken": {"serviceAccountEmail": EMAIL, "audience": audience}}
    home.call(pubsub.create_topic, "work")
    home.call(pubsub.create_subscription, "step", topic="work", pushConfig=config)

    home.call(home.world.publish, "work", b"{}", {})
    wait_for(lambda: endpoint.got, "a push")
    home.run(pubsub.close())
    endpoint.close()

    token = endpoint.got[0].headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(token, certs=pubsub.identity.certificates(), audience=audience or endpoint.url)
    assert claims["email"] == EMAIL
    assert claims["email_verified"] is True
    assert claims["iss"] == "https://accounts.google.com"
    assert claims["exp"] - claims["iat"] == 3600
    (key,) = pubsub.jwks()["keys"]
    assert key["kid"] == jwt.decode_header(token)["kid"]
    assert jwt.decode_header(token)["alg"] == key["alg"] == "RS256"


def test_the_served_keys_are_the_keys_that_sign(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    world = World(project="demo-project", simulation=Simulation(manual=True))
    pubsub = PubSub(world)
    (key,) = pubsub.jwks()["keys"]
    n, e = (int.from_bytes(base64.urlsafe_b64decode(key[each] + "=="), "big") for each in ("n", "e"))
    pem = (
        rsa.RSAPublicNumbers(e, n)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert pubsub.identity.certificates() == {key["kid"]: pem.decode()}


def test_a_push_counts_its_attempts_where_there_is_a_dead_letter_policy(embedded: Bench) -> None:
    endpoint = embedded.endpoint()
    endpoint.answer = lambda _: 500 if len(endpoint.got) < 3 else 204
    policy = {"dead_letter_topic": embedded.topic(), "max_delivery_attempts": 5}
    topic = _push(embedded, endpoint, dead_letter_policy=policy)

    embedded.publish(topic, b"x")

    wait_for(lambda: len(endpoint.got) == 3, "three pushes")
    assert [each.json["deliveryAttempt"] for each in endpoint.got] == [1, 2, 3]


def test_a_push_without_a_dead_letter_policy_has_no_attempt(embedded: Bench) -> None:
    endpoint = embedded.endpoint()
    embedded.publish(_push(embedded, endpoint), b"x")
    wait_for(lambda: endpoint.got, "a push")
    assert set(endpoint.got[0].json) == {"message", "subscription"}


def test_an_unwrapped_push_is_the_data_itself_with_metadata_where_asked(embedded: Bench) -> None:
    plain, told = embedded.endpoint(), embedded.endpoint()
    topic = _push(embedded, told, push_config={"no_wrapper": {"write_metadata": True}})
    name = embedded.subscription(topic, push_config={"push_endpoint": plain.url, "no_wrapper": {}})

    identity = embedded.publish(topic, b'{"kind": "group"}', status="SUCCESS")

    wait_for(lambda: plain.got and told.got, "both pushes")
    assert plain.got[0].body == told.got[0].body == b'{"kind": "group"}'
    assert told.got[0].headers["x-goog-pubsub-message-id"] == identity
    assert told.got[0].headers["status"] == "SUCCESS"
    assert not [each for each in plain.got[0].headers if each.startswith("x-goog")], name


def test_a_dead_letter_tells_where_it_comes_from(embedded: Bench) -> None:
    topic, dead = embedded.topic(), embedded.topic()
    grave = embedded.subscription(dead)
    name = embedded.subscription(topic, dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5})
    embedded.publish(topic, b"poison", kind="bad")
    for _ in range(5):
        (found,) = embedded.pull_until(name, 1)
        embedded.refuse(name, [found])

    (buried,) = embedded.pull_until(grave, 1)
    attributes = dict(buried.message.attributes)
    published = attributes.pop("CloudPubSubDeadLetterSourceTopicPublishTime")
    assert published.endswith("+00:00")
    assert attributes == {
        "kind": "bad",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": name.rpartition("/")[2],
        "CloudPubSubDeadLetterSourceSubscriptionProject": "demo-project",
    }


def test_what_a_topic_retains_can_be_read_again(embedded: Bench) -> None:
    topic = embedded.topic(message_retention_duration={"seconds": 3600})
    name = embedded.subscription(topic)
    embedded.publish(topic, b"kept")
    embedded.acknowledge(name, embedded.pull_until(name, 1))
    assert embedded.pull(name) == []

    embedded.subscriber.seek(request={"subscription": name, "time": datetime(2020, 1, 1, tzinfo=UTC)})

    assert [each.message.data for each in embedded.pull_until(name, 1)] == [b"kept"]
    assert embedded.subscriber.get_subscription(subscription=name).topic_message_retention_duration.seconds == 3600


# The world's time


async def test_a_refused_push_comes_again_after_a_backoff_that_doubles_up_to_its_maximum(harness: Harness) -> None:
    policy = {"minimumBackoff": "10s", "maximumBackoff": "40s"}
    harness.pubsub.create_subscription("step", topic="work", pushConfig=PUSH, retryPolicy=policy)
    harness.answers = lambda _message, _attempt: False

    harness.world.publish("work", b"x", {})
    await harness.pubsub.settle()
    counts = [len(harness.delivered)]
    for seconds in (9, 2, 18, 2, 38, 2, 38, 2):
        await harness.pass_time(seconds)
        counts.append(len(harness.delivered))

    # 10, 20, 40 and 40 seconds apart.
    assert counts == [1, 1, 2, 2, 3, 3, 4, 4, 5]


async def test_without_a_policy_failures_slow_a_subscription_down_and_a_success_speeds_it_up(harness: Harness) -> None:
    harness.pubsub.create_subscription("step", topic="work", pushConfig=PUSH)
    harness.answers = lambda _message, attempt: attempt > 6
    harness.world.publish("work", b"x", {})
    await harness.pass_time(1)
    early = len(harness.delivered)
    await harness.pass_time(9)

    assert 2 <= early <= 5
    assert harness.delivered[-1] == ("x", 7)
    assert harness.pubsub.queued("step") == []


async def test_a_poison_message_does_not_hold_up_the_others(harness: Harness) -> None:
    harness.pubsub.create_subscription("step", topic="work", pushConfig=PUSH)
    harness.answers = lambda message, _attempt: message["data"] != base64.b64encode(b"poison").decode()
    harness.world.publish("work", b"poison", {})
    for number in range(20):
        harness.world.publish("work", str(number).encode(), {})

    await harness.pass_time(5)

    assert {data for data, _ in harness.delivered} >= {str(number) for number in range(20)}
    assert [base64.b64decode(each["message"]["data"]) for each in harness.pubsub.queued("step")] == [b"poison"]


async def test_push_keeps_the_order_of_a_key_through_failures(harness: Harness) -> None:
    harness.pubsub.create_subscription("step", topic="work", pushConfig=PUSH, enableMessageOrdering=True)
    harness.answers = lambda message, attempt: not (base64.b64decode(message["data"]) == b"1" and attempt < 3)
    messages = [{"data": base64.b64encode(each).decode(), "orderingKey": "one"} for each in (b"0", b"1", b"2", b"3")]
    body = json.dumps({"messages": messages}).encode()
    await harness.pubsub.api().rest("POST", "/v1/projects/demo-project/topics/work:publish", [], body, {})

    await harness.pass_time(5)

    assert harness.delivered == [("0", 1), ("1", 1), ("1", 2), ("1", 3), ("2", 1), ("3", 1)]


async def test_a_delivery_that_raises_is_a_refusal(harness: Harness) -> None:
    harness.pubsub.create_subscription("step", topic="work", pushConfig=PUSH)

    def raise_first(_message: dict[str, Any], attempt: int) -> bool:
        if attempt == 1:
            raise ValueError("no")
        return True

    harness.answers = raise_first
    harness.world.publish("work", b"x", {})
    await harness.pass_time(1)

    assert harness.delivered == [("x", 1), ("x", 2)]


async def test_publishing_to_no_topic_is_no_error(harness: Harness) -> None:
    harness.world.publish("nowhere", b"x", {})
    harness.world.publish("bad/name", b"x", {})


async def test_a_dead_letter_topic_that_is_gone_keeps_the_message_coming(harness: Harness) -> None:
    harness.pubsub.create_topic("dead")
    policy = {"deadLetterTopic": "projects/demo-project/topics/dead", "maxDeliveryAttempts": 5}
    harness.pubsub.create_subscription("step", topic="work", pushConfig=PUSH, deadLetterPolicy=policy)
    del harness.world.table("pubsub.topics")["projects/demo-project/topics/dead"]
    harness.answers = lambda _message, attempt: attempt == 7

    harness.world.publish("work", b"x", {})
    await harness.pass_time(30)

    assert [attempt for _, attempt in harness.delivered] == [1, 2, 3, 4, 5, 6, 7]


async def test_a_saved_world_goes_on_delivering(harness: Harness, tmp_path: Path) -> None:
    """One message waits out its backoff, one is being delivered while the process ends."""
    policy = {"minimumBackoff": "10s"}
    harness.pubsub.create_subscription("step", topic="work", pushConfig=PUSH, retryPolicy=policy)
    harness.answers = lambda _message, _attempt: False
    harness.world.publish("work", b"waiting", {})
    await harness.pubsub.settle()
    harness.hangs = True
    harness.world.publish("work", b"under way", {})
    await asyncio.sleep(0)
    harness.world.save(tmp_path / "world.json")
    await harness.pubsub.close()

    again = Harness()
    again.world.load(tmp_path / "world.json")
    again.pubsub.go_on()
    assert len(again.pubsub.queued("step")) == 2
    await again.pass_time(30)

    assert sorted(again.delivered) == [("under way", 2), ("waiting", 2)]
    assert again.pubsub.queued("step") == []


async def test_all_state_is_json(harness: Harness) -> None:
    harness.pubsub.create_subscription("step", topic="work")
    harness.world.publish("work", b"x", {"a": "b"})
    dumped = harness.world.dump()
    assert json.loads(json.dumps(dumped)) == dumped
