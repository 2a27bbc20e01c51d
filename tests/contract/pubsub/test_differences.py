"""Where the embedded Pub/Sub and Google's emulator part; the page in docs/ is this table.

Each row is asked of both servers, so an emulator that catches up, or an embedded one that falls back, is noticed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions

from tests.contract.pubsub.bench import Bench, Push, wait_for

PAGE = Path(__file__).parents[3] / "docs" / "pubsub-differences.md"


@dataclass(frozen=True)
class Difference:
    """`ask` tries it on a server and gives what it did: `embedded` or `official`."""

    what: str
    embedded: str
    official: str
    ask: Callable[[Bench], str]


def _pushed(bench: Bench, *, push_config: dict[str, Any] | None = None, **fields: Any) -> Push:
    """The first push through a subscription with these fields."""
    topic, endpoint = bench.topic(), bench.endpoint()
    bench.subscription(topic, push_config={"push_endpoint": endpoint.url, **(push_config or {})}, **fields)
    bench.publish(topic, b"hello", kind="test")
    wait_for(lambda: endpoint.got, "a push")
    return endpoint.got[0]


def _try(call: Callable[[], Any]) -> str:
    """`accepted`, or the server's words."""
    try:
        call()
    except exceptions.GoogleAPICallError as refused:
        return re.sub(r"=[^)]*\)", "=...)", str(refused.message))
    return "accepted"


def filters_are_applied(bench: Bench) -> str:
    topic = bench.topic()
    name = bench.subscription(topic, filter='attributes.status = "SUCCESS"')
    bench.publish(topic, b"no", status="WORKING")
    bench.publish(topic, b"yes", status="SUCCESS")
    got: list[bytes] = []

    def passed() -> bool:
        got.extend(each.message.data for each in bench.pull(name))
        return b"yes" in got

    wait_for(passed, "the message that passes the filter")
    return "not applied" if b"no" in got else "applied"


def a_bad_filter(bench: Bench) -> str:
    topic = bench.topic()
    return _try(lambda: bench.subscription(topic, filter="status = SUCCESS")).partition(" given")[0]


def identity_token(bench: Bench) -> str:
    push = _pushed(bench, push_config={"oidc_token": {"service_account_email": "push@demo.iam.gserviceaccount.com"}})
    return "sent" if push.headers.get("authorization", "").startswith("Bearer ") else "not sent"


def delivery_attempt_in_a_push(bench: Bench) -> str:
    policy = {"dead_letter_topic": bench.topic(), "max_delivery_attempts": 5}
    push = _pushed(bench, dead_letter_policy=policy)
    return "sent" if push.json.get("deliveryAttempt") == 1 else "not sent"


def user_agent(bench: Bench) -> str:
    return _pushed(bench).headers["user-agent"].partition("/")[0].partition(";")[0]


def content_type_of_an_unwrapped_push(bench: Bench) -> str:
    return _pushed(bench, push_config={"no_wrapper": {"write_metadata": True}}).headers["content-type"]


def status_203(bench: Bench) -> str:
    return _acknowledges(bench, 203)


def _acknowledges(bench: Bench, status: int) -> str:
    topic, endpoint = bench.topic(), bench.endpoint()
    endpoint.answer = lambda _: status if len(endpoint.got) == 1 else 200
    name = bench.subscription(topic, push_config={"push_endpoint": endpoint.url})
    bench.publish(topic, b"hello")
    wait_for(lambda: endpoint.got, "a push")
    bench.subscriber.modify_push_config(request={"subscription": name, "push_config": {}})
    end = time.monotonic() + 3
    while time.monotonic() < end and len(endpoint.got) == 1:
        if bench.pull(name):
            return "refuses"
    return "acknowledges" if len(endpoint.got) == 1 else "refuses"


def backoff_with_several_failures(bench: Bench) -> str:
    """Ten messages fail three times each; a server that is silent for four seconds before the end has stalled."""
    topic, endpoint = bench.topic(), bench.endpoint()
    done: set[str] = set()

    def fail_thrice(push: Push) -> int:
        data = push.json["message"]["data"]
        if sum(each.json["message"]["data"] == data for each in list(endpoint.got)) <= 3:
            return 500
        done.add(data)
        return 204

    endpoint.answer = fail_thrice
    policy = {"minimum_backoff": {"nanos": 10**8}, "maximum_backoff": {"nanos": 2 * 10**8}}
    bench.subscription(topic, push_config={"push_endpoint": endpoint.url}, retry_policy=policy)
    for number in range(10):
        bench.publish(topic, str(number).encode())
    seen, since = 0, time.monotonic()
    while len(done) < 10 and time.monotonic() < since + 4:
        if len(endpoint.got) > seen:
            seen, since = len(endpoint.got), time.monotonic()
        time.sleep(0.02)
    return "goes on" if len(done) == 10 else "stalls"


def dead_letter_of_a_refused_pull(bench: Bench) -> str:
    topic, dead = bench.topic(), bench.topic()
    grave = bench.subscription(dead)
    name = bench.subscription(topic, dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5})
    bench.publish(topic, b"poison")
    for _ in range(5):
        bench.refuse(name, bench.pull_until(name, 1))
    before = bench.pull(grave)
    bench.pull(name)
    wait_for(lambda: before or bench.pull(grave), "the dead letter")
    return "with the last refusal" if before else "with the next pull"


def detaching(bench: Bench) -> str:
    name = bench.subscription(bench.topic())
    call = {"subscription": name}
    found = _try(lambda: bench.publisher.detach_subscription(request=call))
    return "unimplemented" if "unimplemented" in found else found


def policies(bench: Bench) -> str:
    topic = bench.topic()
    found = _try(lambda: bench.publisher.get_iam_policy(request={"resource": topic}))
    return "kept" if found == "accepted" else "need the IAM emulator"


def a_subscription_as_it_is_filled_in(bench: Bench) -> str:
    found = bench.subscriber.get_subscription(subscription=bench.subscription(bench.topic()))
    return f"state {found.state.name}, expires after {found.expiration_policy.ttl.days} days"


def a_missing_topic(bench: Bench) -> str:
    return _try(lambda: bench.publisher.get_topic(topic=bench.name("topics")))


def a_topic_twice(bench: Bench) -> str:
    name = bench.topic()
    return _try(lambda: bench.publisher.create_topic(name=name))


def a_bad_name(bench: Bench) -> str:
    return _try(lambda: bench.publisher.create_topic(name="projects/demo-project/topics/1")).partition(" (name")[0]


def an_empty_message(bench: Bench) -> str:
    topic = bench.topic()
    return _try(lambda: bench.publish(topic)).partition(".")[0]


def attributes_beyond_the_limits(bench: Bench) -> str:
    topic = bench.topic()
    too_long = _try(lambda: bench.publish(topic, b"x", **{"k" * 257: ""}))
    too_much = _try(lambda: bench.publish(topic, b"x", k="v" * 1025))
    answers = {"accepted" if each == "accepted" else "refused" for each in (too_long, too_much)}
    return " and ".join(sorted(answers))


def a_reserved_attribute(bench: Bench) -> str:
    topic = bench.topic()
    return "accepted" if _try(lambda: bench.publish(topic, b"x", googclient="v")) == "accepted" else "refused"


def a_request_above_10_mb(bench: Bench) -> str:
    topic = bench.topic()
    return "accepted" if _try(lambda: bench.publish(topic, b"x" * 10_000_001)) == "accepted" else "refused"


def a_short_deadline(bench: Bench) -> str:
    topic = bench.topic()
    return "accepted" if _try(lambda: bench.subscription(topic, ack_deadline_seconds=5)) == "accepted" else "refused"


def pulling_what_is_pushed(bench: Bench) -> str:
    name = bench.subscription(bench.topic(), push_config={"push_endpoint": bench.endpoint().url})
    return _try(lambda: bench.pull(name))


def bad_labels(bench: Bench) -> str:
    return "accepted" if _try(lambda: bench.topic(labels={"Team": "x"})) == "accepted" else "refused"


def changing_a_filter(bench: Bench) -> str:
    name = bench.subscription(bench.topic(), filter="attributes:a")
    request = {"subscription": {"name": name, "filter": "attributes:b"}, "update_mask": {"paths": ["filter"]}}
    return _try(lambda: bench.subscriber.update_subscription(request=request)).rpartition(": ")[2]


def message_ids(bench: Bench) -> str:
    return "17 digits" if len(bench.publish(bench.topic(), b"x")) == 17 else "1, 2, 3, ..."


REFUSED, ACCEPTED = "refused", "accepted"

DIFFERENCES = [
    Difference("A subscription's filter is", "applied", "not applied", filters_are_applied),
    Difference("A filter that does not parse is answered", "Invalid filter", ACCEPTED, a_bad_filter),
    Difference(
        "Changing a filter is answered",
        "the 'filter' field in the Subscription is not mutable.",
        "Updating the filter field is currently unsupported in the Pub/Sub Emulator.",
        changing_a_filter,
    ),
    Difference("The OIDC token of a push is", "sent", "not sent", identity_token),
    Difference(
        "`deliveryAttempt` in a push with a dead-letter policy is", "sent", "not sent", delivery_attempt_in_a_push
    ),
    Difference(
        "Several messages failing at once under a retry policy: delivery",
        "goes on",
        "stalls",
        backoff_with_several_failures,
    ),
    Difference(
        "A message whose last pull is refused becomes a dead letter",
        "with the last refusal",
        "with the next pull",
        dead_letter_of_a_refused_pull,
    ),
    Difference("The answer 203 to a push", "refuses", "acknowledges", status_203),
    Difference("The user agent of a push is", "APIs-Google", "Java", user_agent),
    Difference(
        "The content type of an unwrapped push is",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        content_type_of_an_unwrapped_push,
    ),
    Difference(
        "Pulling from a push subscription is answered",
        "This method is not supported for this subscription type.",
        ACCEPTED,
        pulling_what_is_pushed,
    ),
    Difference("DetachSubscription is", ACCEPTED, "unimplemented", detaching),
    Difference("IAM policies are", "kept", "need the IAM emulator", policies),
    Difference(
        "A new subscription reads",
        "state ACTIVE, expires after 31 days",
        "state STATE_UNSPECIFIED, expires after 0 days",
        a_subscription_as_it_is_filled_in,
    ),
    Difference(
        "A topic that is not there is answered",
        "Resource not found (resource=...).",
        "Topic not found",
        a_missing_topic,
    ),
    Difference(
        "A topic that exists is answered",
        "Resource already exists in the project (resource=...).",
        "Topic already exists",
        a_topic_twice,
    ),
    Difference("A bad name is answered", "Invalid resource name given", "Invalid [topics] name:", a_bad_name),
    Difference(
        "An empty message is answered",
        "One or more messages in the publish request is empty",
        "Some messages are empty",
        an_empty_message,
    ),
    Difference("Attributes with too long a key or value are", REFUSED, ACCEPTED, attributes_beyond_the_limits),
    Difference("An attribute that starts with `goog` is", REFUSED, ACCEPTED, a_reserved_attribute),
    Difference("A publish request above 10 MB is", REFUSED, ACCEPTED, a_request_above_10_mb),
    Difference("An ack deadline below 10 seconds is", REFUSED, ACCEPTED, a_short_deadline),
    Difference("Labels that are no labels are", REFUSED, ACCEPTED, bad_labels),
    Difference("Message ids are", "17 digits", "1, 2, 3, ...", message_ids),
]


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda each: each.ask.__name__)
def test_the_servers_differ_as_the_page_says(bench: Bench, difference: Difference) -> None:
    assert difference.ask(bench) == getattr(difference, bench.kind)


def test_the_page_is_this_table() -> None:
    rows = [f"| {each.what} | {each.embedded} | {each.official} |" for each in DIFFERENCES]
    table = "\n".join(["| | embedded | Google's emulator |", "|---|---|---|", *rows])
    assert table in PAGE.read_text("utf-8"), f"docs/{PAGE.name} should hold:\n{table}"
