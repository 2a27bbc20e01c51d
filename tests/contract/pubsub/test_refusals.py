"""What Pub/Sub refuses, in its own words."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from google.api_core import exceptions

from tests.contract.pubsub.bench import Bench

INVALID = exceptions.InvalidArgument


def _subscribe(**fields: Any) -> Callable[[Bench, str], Any]:
    return lambda bench, topic: bench.subscription(topic, **fields)


def _publish(data: bytes = b"x", **attributes: str) -> Callable[[Bench, str], Any]:
    return lambda bench, topic: bench.publish(topic, data, **attributes)


def _publish_many(bench: Bench, topic: str) -> None:
    bench.publisher.api.publish(request={"topic": topic, "messages": [{"data": b"x"}] * 1001})


def _acknowledge_nonsense(bench: Bench, topic: str) -> None:
    name = bench.subscription(topic)
    bench.subscriber.acknowledge(request={"subscription": name, "ack_ids": ["nonsense"]})


def _lease_too_long(bench: Bench, topic: str) -> None:
    request = {"subscription": bench.subscription(topic), "ack_ids": ["1:1"], "ack_deadline_seconds": 601}
    bench.subscriber.modify_ack_deadline(request=request)


def _update_nothing(bench: Bench, topic: str) -> None:
    bench.subscriber.update_subscription(request={"subscription": {"name": bench.subscription(topic)}})


def _update_in_json_style(bench: Bench, topic: str) -> None:
    request = {"subscription": {"name": bench.subscription(topic)}, "update_mask": {"paths": ["pushConfig"]}}
    bench.subscriber.update_subscription(request=request)


def _policy(attempts: int) -> Callable[[Bench, str], Any]:
    def subscribe(bench: Bench, topic: str) -> None:
        bench.subscription(topic, dead_letter_policy={"dead_letter_topic": topic, "max_delivery_attempts": attempts})

    return subscribe


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            _publish(b""),
            INVALID,
            "One or more messages in the publish request is empty. "
            "Each message must contain either non-empty data, or at least one attribute.",
        ),
        (
            _publish_many,
            INVALID,
            "The value for message_count is too large. You passed 1001 in the request, but the maximum value is 1000.",
        ),
        (_publish(b"x" * 10_000_001), INVALID, "The value for request_size is too large."),
        (_publish(b"x", **{"k" * 257: "v"}), INVALID, "The value for attribute_key_size is too large."),
        (_publish(b"x", k="v" * 1025), INVALID, "The value for attribute_value_size is too large."),
        (
            _subscribe(ack_deadline_seconds=5),
            INVALID,
            "Invalid ack deadline given (ack_deadline=5). The ack deadline must be between 10 and 600 seconds.",
        ),
        (
            _subscribe(retry_policy={"minimum_backoff": timedelta(seconds=700)}),
            INVALID,
            "The value for minimum_backoff is out of bounds. "
            "You passed 700s in the request, but the value must be between 0s and 600s.",
        ),
        (
            _subscribe(push_config={"push_endpoint": "ftp://somewhere/"}),
            INVALID,
            "Invalid push endpoint given (endpoint=ftp://somewhere/).",
        ),
        (
            _subscribe(message_retention_duration=timedelta(days=32)),
            INVALID,
            "The value for message retention duration is out of bounds.",
        ),
        (_subscribe(labels={"Team": "x"}), INVALID, "Invalid labels"),
        (
            _policy(4),
            exceptions.OutOfRange,
            "The value for max_delivery_attempts is too small. "
            "You passed 4 in the request, but the minimum value is 5.",
        ),
        (_policy(101), exceptions.OutOfRange, "The value for max_delivery_attempts is too large."),
        (
            _acknowledge_nonsense,
            INVALID,
            "You have passed an invalid ack ID to the service (ack_id=nonsense).",
        ),
        (
            _lease_too_long,
            INVALID,
            "Invalid ack deadline given (ack_deadline=601). The ack deadline must be between 0 and 600 seconds.",
        ),
        (
            _update_nothing,
            INVALID,
            "The update_mask in the UpdateSubscriptionRequest must be set, and must contain a non-empty paths list.",
        ),
        (_update_in_json_style, INVALID, "pushConfig"),
        (
            _subscribe(bigquery_config={"table": "p.d.t"}),
            exceptions.MethodNotImplemented,
            "The local stand-in does not offer bigqueryConfig.",
        ),
    ],
)
def test_it_is_refused_in_these_words(
    embedded: Bench, call: Callable[[Bench, str], Any], kind: type[Exception], words: str
) -> None:
    topic = embedded.topic()
    with pytest.raises(kind) as refused:
        call(embedded, topic)
    assert words in str(refused.value)


def test_a_project_goes_by_its_number_too_and_another_is_not_found(embedded: Bench) -> None:
    topic = embedded.topic()
    by_number = topic.replace("demo-project", "314159265358")
    assert embedded.publisher.get_topic(topic=by_number).name == topic

    with pytest.raises(exceptions.NotFound, match=r"Requested project not found .*\(project=elsewhere\)"):
        embedded.publisher.create_topic(name="projects/elsewhere/topics/work")


def test_schemas_are_not_implemented(embedded: Bench) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://{embedded.address}/v1/projects/demo-project/schemas", timeout=10)
    assert refused.value.code == 501


def test_a_deleted_dead_letter_topic_is_shown_as_such(embedded: Bench) -> None:
    topic, dead = embedded.topic(), embedded.topic()
    name = embedded.subscription(topic, dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5})
    embedded.publisher.delete_topic(topic=dead)

    request = {"subscription": {"name": name, "labels": {"a": "b"}}, "update_mask": {"paths": ["labels"]}}
    changed = embedded.subscriber.update_subscription(request=request)

    assert changed.dead_letter_policy.dead_letter_topic == "_deleted-topic_"
    assert dict(changed.labels) == {"a": "b"}
