"""What both servers do alike, seen by the Python client."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions

from tests.contract.pubsub.bench import Bench, Push, wait_for


def test_a_topic_is_created_described_listed_and_deleted(bench: Bench) -> None:
    name = bench.topic(labels={"team": "gpu"})

    assert dict(bench.publisher.get_topic(topic=name).labels) == {"team": "gpu"}
    assert name in [each.name for each in bench.publisher.list_topics(project="projects/demo-project")]

    bench.publisher.delete_topic(topic=name)
    with pytest.raises(exceptions.NotFound):
        bench.publisher.get_topic(topic=name)


def test_a_topic_that_exists_is_not_created_again(bench: Bench) -> None:
    name = bench.topic()
    with pytest.raises(exceptions.AlreadyExists):
        bench.publisher.create_topic(name=name)


def test_a_list_comes_page_by_page(bench: Bench) -> None:
    topic = bench.topic()
    wanted = {bench.subscription(topic) for _ in range(5)}

    pages = bench.publisher.list_topic_subscriptions(request={"topic": topic, "page_size": 2}).pages
    found = [list(each.subscriptions) for each in pages]

    assert [len(each) for each in found] == [2, 2, 1]
    assert {name for each in found for name in each} == wanted


@pytest.mark.parametrize("identifier", ["1digit", "no", "goog-ours", "sla/sh", "blank space"])
def test_a_name_that_is_none_is_refused(bench: Bench, identifier: str) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        bench.publisher.create_topic(name=f"projects/demo-project/topics/{identifier}")


def test_an_update_changes_what_the_mask_names_and_nothing_else(bench: Bench) -> None:
    name = bench.subscription(bench.topic(), ack_deadline_seconds=20, labels={"team": "gpu"})

    fresh = {"name": name, "ack_deadline_seconds": 30, "labels": {"team": "other"}}
    mask = {"paths": ["ack_deadline_seconds"]}
    bench.subscriber.update_subscription(request={"subscription": fresh, "update_mask": mask})

    found = bench.subscriber.get_subscription(subscription=name)
    assert found.ack_deadline_seconds == 30
    assert dict(found.labels) == {"team": "gpu"}


@pytest.mark.parametrize("path", ["topic", "name", "nonsense"])
def test_an_update_of_what_cannot_change_is_refused(bench: Bench, path: str) -> None:
    topic = bench.topic()
    name = bench.subscription(topic)
    request = {"subscription": {"name": name, "topic": topic}, "update_mask": {"paths": [path]}}
    with pytest.raises(exceptions.InvalidArgument, match="update_mask"):
        bench.subscriber.update_subscription(request=request)


def test_a_subscription_needs_its_topic(bench: Bench) -> None:
    with pytest.raises(exceptions.NotFound):
        bench.subscription(bench.name("topics"))


def test_a_subscription_outlives_its_topic_with_what_it_has(bench: Bench) -> None:
    topic = bench.topic()
    name = bench.subscription(topic)
    bench.publish(topic, b"kept")

    bench.publisher.delete_topic(topic=topic)

    assert bench.subscriber.get_subscription(subscription=name).topic == "_deleted-topic_"
    assert [each.message.data for each in bench.pull_until(name, 1)] == [b"kept"]


def test_a_message_comes_whole(bench: Bench) -> None:
    topic = bench.topic()
    name = bench.subscription(topic)

    identity = bench.publish(topic, b"\x00binary\xff", status="SUCCESS", empty="")

    (found,) = bench.pull_until(name, 1)
    assert found.message.data == b"\x00binary\xff"
    assert dict(found.message.attributes) == {"status": "SUCCESS", "empty": ""}
    assert found.message.message_id == identity
    assert abs(datetime.now(UTC) - found.message.publish_time) < timedelta(minutes=5)


def test_every_subscription_gets_its_own_copy_of_what_came_after_it(bench: Bench) -> None:
    topic = bench.topic()
    one = bench.subscription(topic)
    bench.publish(topic, b"first")
    two = bench.subscription(topic)
    bench.publish(topic, b"second")

    assert {each.message.data for each in bench.pull_until(one, 2)} == {b"first", b"second"}
    assert [each.message.data for each in bench.pull_until(two, 1)] == [b"second"]


def test_a_message_with_nothing_in_it_is_refused(bench: Bench) -> None:
    with pytest.raises(exceptions.InvalidArgument):
        bench.publish(bench.topic())


def test_publishing_to_no_topic_is_refused(bench: Bench) -> None:
    with pytest.raises(exceptions.NotFound):
        bench.publish(bench.name("topics"), b"lost")


def test_what_is_acknowledged_does_not_come_again_and_what_is_refused_does(bench: Bench) -> None:
    topic = bench.topic()
    name = bench.subscription(topic)
    bench.publish(topic, b"done")
    bench.publish(topic, b"again")
    got = {each.message.data: each for each in bench.pull_until(name, 2)}

    bench.acknowledge(name, [got[b"done"]])
    bench.refuse(name, [got[b"again"]])

    assert [each.message.data for each in bench.pull_until(name, 1)] == [b"again"]
    assert bench.pull(name) == []


def test_the_clients_subscriber_gets_everything_once_it_acknowledges(bench: Bench) -> None:
    topic = bench.topic()
    name = bench.subscription(topic)
    wanted = {str(number).encode() for number in range(200)}
    for each in wanted:
        bench.publisher.publish(topic, each)
    got: list[bytes] = []

    def take(message: object) -> None:
        got.append(message.data)  # type: ignore[attr-defined]
        message.ack()  # type: ignore[attr-defined]

    pulling = bench.subscriber.subscribe(name, callback=take)
    try:
        wait_for(lambda: set(got) >= wanted, "200 messages by StreamingPull")
    finally:
        pulling.cancel()
        pulling.result(timeout=20)
    assert sorted(got) == sorted(wanted)
    wait_for(lambda: bench.pull(name) == [], "an empty backlog")


def test_flow_control_holds_the_clients_subscriber_to_its_limit(bench: Bench) -> None:
    from google.cloud.pubsub_v1.types import FlowControl

    topic = bench.topic()
    name = bench.subscription(topic)
    for number in range(20):
        bench.publish(topic, str(number).encode())
    out, most, done = 0, 0, 0
    lock = threading.Lock()

    def take(message: object) -> None:
        nonlocal out, most, done
        with lock:
            out += 1
            most = max(most, out)
        threading.Event().wait(0.01)
        with lock:
            out -= 1
            done += 1
        message.ack()  # type: ignore[attr-defined]

    pulling = bench.subscriber.subscribe(name, callback=take, flow_control=FlowControl(max_messages=3))
    try:
        wait_for(lambda: done == 20, "20 messages, three at a time")
    finally:
        pulling.cancel()
        pulling.result(timeout=20)
    assert most <= 3


def test_messages_of_an_ordering_key_come_in_their_order(bench: Bench) -> None:
    topic = bench.topic()
    name = bench.subscription(topic, enable_message_ordering=True)
    wanted = [str(number).encode() for number in range(30)]
    for each in wanted:
        bench.publisher.publish(topic, each, ordering_key="one").result(timeout=20)
    got: list[bytes] = []

    def take(message: object) -> None:
        got.append(message.data)  # type: ignore[attr-defined]
        message.ack()  # type: ignore[attr-defined]

    pulling = bench.subscriber.subscribe(name, callback=take)
    try:
        wait_for(lambda: len(got) >= 30, "30 ordered messages")
    finally:
        pulling.cancel()
        pulling.result(timeout=20)
    assert got == wanted


def test_a_push_carries_the_message_in_an_envelope(bench: Bench) -> None:
    topic, endpoint = bench.topic(), bench.endpoint()
    name = bench.subscription(topic, push_config={"push_endpoint": endpoint.url})

    identity = bench.publish(topic, b"hello", status="SUCCESS")

    wait_for(lambda: endpoint.got, "a push")
    (push,) = endpoint.got
    message = push.json["message"]
    assert push.headers["content-type"].startswith("application/json")
    assert push.json["subscription"] == name
    assert (message["data"], message["attributes"]) == ("aGVsbG8=", {"status": "SUCCESS"})
    assert message["messageId"] == message["message_id"] == identity
    assert message["publishTime"] == message["publish_time"]


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_these_answers_acknowledge_a_push(bench: Bench, status: int) -> None:
    topic, endpoint = bench.topic(), bench.endpoint()
    endpoint.answer = lambda _: status
    name = bench.subscription(topic, push_config={"push_endpoint": endpoint.url})

    bench.publish(topic, b"once")
    wait_for(lambda: endpoint.got, "a push")
    # As a pull subscription it would hand out whatever is still there.
    bench.subscriber.modify_push_config(request={"subscription": name, "push_config": {}})

    assert bench.pull(name) == []
    assert len(endpoint.got) == 1


@pytest.mark.parametrize("status", [301, 400, 404, 429, 500, 503])
def test_any_other_answer_brings_the_push_again(bench: Bench, status: int) -> None:
    topic, endpoint = bench.topic(), bench.endpoint()
    endpoint.answer = lambda _: status if len(endpoint.got) == 1 else 200
    bench.subscription(topic, push_config={"push_endpoint": endpoint.url})

    bench.publish(topic, b"twice")

    wait_for(lambda: len(endpoint.got) == 2, "a second push")
    assert endpoint.data() == [b"twice", b"twice"]


def test_a_push_that_is_refused_too_often_ends_in_the_dead_letter_topic(bench: Bench) -> None:
    topic, dead, endpoint = bench.topic(), bench.topic(), bench.endpoint()
    grave = bench.subscription(dead)
    endpoint.answer = lambda push: 500 if push.json["message"].get("attributes") else 204
    policy = {"dead_letter_topic": dead, "max_delivery_attempts": 5}
    bench.subscription(topic, push_config={"push_endpoint": endpoint.url}, dead_letter_policy=policy)

    bench.publish(topic, b"poison", kind="bad")

    (found,) = bench.pull_until(grave, 1)
    assert (found.message.data, found.message.attributes["kind"]) == (b"poison", "bad")
    assert len(endpoint.got) == 5


def test_a_pull_that_is_refused_too_often_ends_in_the_dead_letter_topic(bench: Bench) -> None:
    topic, dead = bench.topic(), bench.topic()
    grave = bench.subscription(dead)
    name = bench.subscription(topic, dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5})
    bench.publish(topic, b"poison")

    attempts = []
    for _ in range(5):
        (found,) = bench.pull_until(name, 1)
        attempts.append(found.delivery_attempt)
        bench.refuse(name, [found])

    assert attempts == [1, 2, 3, 4, 5]
    assert bench.pull(name) == []
    assert [each.message.data for each in bench.pull_until(grave, 1)] == [b"poison"]


def test_a_push_subscription_turned_into_pull_hands_out_what_it_has(bench: Bench) -> None:
    topic, endpoint = bench.topic(), bench.endpoint()
    endpoint.answer = lambda _: 500
    name = bench.subscription(topic, push_config={"push_endpoint": endpoint.url})
    bench.publish(topic, b"stuck")
    wait_for(lambda: endpoint.got, "a push")

    bench.subscriber.modify_push_config(request={"subscription": name, "push_config": {}})

    assert [each.message.data for each in bench.pull_until(name, 1)] == [b"stuck"]


def test_seeking_to_now_leaves_nothing(bench: Bench) -> None:
    topic = bench.topic()
    name = bench.subscription(topic)
    bench.publish(topic, b"old")
    bench.pull_until(name, 1)

    bench.subscriber.seek(request={"subscription": name, "time": datetime.now(UTC) + timedelta(minutes=1)})

    assert bench.pull(name) == []


def test_seeking_to_a_snapshot_brings_back_what_was_acknowledged_since(bench: Bench) -> None:
    topic = bench.topic()
    name, snapshot = bench.subscription(topic), bench.name("snapshots")
    bench.publish(topic, b"before")
    bench.subscriber.create_snapshot(request={"name": snapshot, "subscription": name})
    bench.acknowledge(name, bench.pull_until(name, 1))

    bench.subscriber.seek(request={"subscription": name, "snapshot": snapshot})

    assert [each.message.data for each in bench.pull_until(name, 1)] == [b"before"]


def test_what_waits_for_a_slow_endpoint_does_not_stop_others(bench: Bench) -> None:
    topic, slow, fast = bench.topic(), bench.endpoint(), bench.endpoint()
    release = threading.Event()

    def hold(_: Push) -> int:
        release.wait(20)
        return 204

    slow.answer = hold
    bench.subscription(topic, push_config={"push_endpoint": slow.url})
    bench.subscription(topic, push_config={"push_endpoint": fast.url})
    try:
        bench.publish(topic, b"both")
        wait_for(lambda: fast.got and slow.got, "both pushes")
    finally:
        release.set()


def test_with_exactly_once_delivery_an_acknowledgement_is_confirmed_and_a_late_one_fails(bench: Bench) -> None:
    from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeStatus

    topic = bench.topic()
    name = bench.subscription(topic, enable_exactly_once_delivery=True)
    bench.publish(topic, b"once")
    (late,) = bench.pull_until(name, 1)
    bench.refuse(name, [late])
    outcomes: list[object] = []

    def take(message: object) -> None:
        future = message.ack_with_response()  # type: ignore[attr-defined]
        future.add_done_callback(lambda done: outcomes.append(done.result()))

    pulling = bench.subscriber.subscribe(name, callback=take)
    try:
        wait_for(lambda: outcomes, "a confirmed acknowledgement")
    finally:
        pulling.cancel()
        pulling.result(timeout=20)

    assert outcomes == [AcknowledgeStatus.SUCCESS]
    with pytest.raises(exceptions.GoogleAPICallError, match=r"(?i)ack"):
        bench.acknowledge(name, [late])
