"""The acknowledgement rule, seen from Pub/Sub's side of the HTTP request."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from poolwright.services.ports import Weather
from poolwright.verdicts import Busy, Irrelevant, Refused
from tests.payloads.samples import MESSAGE_ID, PUBLISHED, SUBSCRIPTION, changed, load, push
from tests.unit.functions.backstage import ENTRY_POINTS, Backstage, Lines, Serve

COMMAND = {"attributes": {}, "data": {"action": "pause", "environment": "dev"}}
WORK = {"attributes": {"kind": "rollout"}, "data": {"kind": "rollout", "rollout": "dev-42", "cause": "due"}}
CONCERNING: dict[str, Any] = {
    "image_built": load("cloud-build-boot-image-success"),
    "node_pool_changed": load("gke-create-node-pool-finished"),
    "gpu_alert": load("monitoring-gpu-high-open"),
    "rollout_command": COMMAND,
    "step": WORK,
    "tick": {"attributes": {}, "data": ""},
    "notify": {
        "attributes": {},
        "data": {"key": "k", "kind": "rollout", "environment": "dev", "subject": "dev-42", "what": "done"},
    },
}


def raising(error: Exception) -> Callable[[Any], str]:
    def outcome(event: Any) -> str:
        raise error

    return outcome


@pytest.mark.parametrize("target", ENTRY_POINTS)
def test_a_message_that_concerns_us_reaches_its_service_once(
    target: str, serve: Serve, backstage: Backstage, lines: Lines
) -> None:
    backstage.outcome = lambda event: f"saw {event.message_id}" if target != "step" else f"saw {event.rollout}"
    answer = serve(target).post("/", json=push(CONCERNING[target]))
    assert answer.status_code == 204
    assert [name for name, _ in backstage.handled] == [target]
    [line] = lines()
    assert line["severity"] == "INFO"
    assert line["message"] == f"message {MESSAGE_ID}: saw {'dev-42' if target == 'step' else MESSAGE_ID}"
    assert line["logging.googleapis.com/labels"] == {
        "function": target,
        "message_id": MESSAGE_ID,
        "subscription": SUBSCRIPTION,
    }


def test_ticks_that_were_kept_back_are_let_go(serve: Serve, backstage: Backstage) -> None:
    backstage.now = PUBLISHED.timestamp() + 151
    assert serve("tick").post("/", json=push(CONCERNING["tick"])).status_code == 204
    assert not backstage.touched


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("image_built", "cloud-build-unrelated-working"),
        ("node_pool_changed", "gke-create-node-pool-started"),
        ("node_pool_changed", "gke-notification-upgrade-available"),
        ("gpu_alert", "monitoring-unrelated"),
    ],
)
def test_a_message_of_no_concern_is_acknowledged_and_touches_nothing(
    target: str, name: str, serve: Serve, backstage: Backstage, lines: Lines
) -> None:
    backstage.broken_bootstrap = AssertionError("nothing outside is needed for this")
    assert serve(target).post("/", json=push(name)).status_code == 204
    assert not backstage.touched
    assert lines() == []


def test_why_a_message_concerned_nobody_is_told_at_debug(
    serve: Serve, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POOLWRIGHT_LOG_LEVEL", "debug")
    serve("image_built").post("/", json=push("cloud-build-unrelated-working"))
    [line] = lines()
    assert line["severity"] == "DEBUG"
    assert "WORKING" in line["message"]


def test_a_service_that_finds_nothing_to_do_acknowledges_and_says_why(
    serve: Serve, backstage: Backstage, lines: Lines
) -> None:
    backstage.outcome = raising(Irrelevant("no environment knows this cluster"))
    assert serve("gpu_alert").post("/", json=push(CONCERNING["gpu_alert"])).status_code == 204
    assert backstage.parked == []
    [line] = lines()
    assert line["severity"] == "INFO"
    assert "no environment knows this cluster" in line["message"]


@pytest.mark.parametrize("error", [Busy("somebody holds the lease"), Weather("Compute: rate limit")])
def test_what_cannot_be_done_now_is_asked_for_again_without_an_error(
    error: Exception, serve: Serve, backstage: Backstage, lines: Lines
) -> None:
    backstage.outcome = raising(error)
    assert serve("step").post("/", json=push(WORK)).status_code == 503
    assert backstage.parked == []
    [line] = lines()
    assert line["severity"] == "INFO"
    assert line["message"] == f"message {MESSAGE_ID} comes again later: {error}"


def test_a_bug_is_one_error_line_with_its_stack_and_comes_again(
    serve: Serve, backstage: Backstage, lines: Lines
) -> None:
    backstage.outcome = raising(KeyError("instanceGroupUrls"))
    answer = serve("step").post("/", json=push(WORK))
    assert answer.status_code == 500
    assert b"instanceGroupUrls" not in answer.data
    [line] = lines()
    assert line["severity"] == "ERROR"
    assert MESSAGE_ID in line["message"]
    assert "Traceback (most recent call last)" in line["message"]
    assert "KeyError: 'instanceGroupUrls'" in line["message"]
    assert backstage.parked == []


NOT_BASE64 = push(COMMAND)
NOT_BASE64["message"]["data"] = "!!"

BAD: dict[str, tuple[str, Any, str]] = {
    "not base64": ("rollout_command", NOT_BASE64, "message.data"),
    "not JSON": ("rollout_command", push({"attributes": {}, "data": "start dev"}), "message.data"),
    "a missing field": ("rollout_command", push({"attributes": {}, "data": {"action": "start"}}), "environment"),
    "a wrong type": (
        "rollout_command",
        push({"attributes": {}, "data": {"action": "start", "environment": "dev", "runId": "42"}}),
        "runId",
    ),
    "a build without an id": ("image_built", push(changed("cloud-build-boot-image-success", "id", ...)), "id"),
    "an entry without a method": (
        "node_pool_changed",
        push(changed("gke-create-node-pool-finished", "protoPayload.methodName", ...)),
        "protoPayload.methodName",
    ),
    "half a provisioner": (
        "gpu_alert",
        push(changed("monitoring-gpu-high-open", "incident.policy_user_labels", {"poolwright_cluster": "c"})),
        "incident.policy_user_labels",
    ),
    "work of no kind": ("step", push({"attributes": {}, "data": {"kind": "nap"}}), "kind"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_once_and_parked_with_its_reason(
    case: str, serve: Serve, backstage: Backstage, lines: Lines
) -> None:
    target, body, where = BAD[case]
    assert serve(target).post("/", json=body).status_code == 204
    assert backstage.handled == []

    [line] = lines()
    assert line["severity"] == "ERROR"
    assert "Traceback" not in line["message"]
    [(topic, data, attributes)] = backstage.parked
    assert topic == "dead-letter"
    assert attributes["poolwright-function"] == target
    assert attributes["poolwright-message-id"] == MESSAGE_ID
    assert attributes["poolwright-where"] == where
    for reason in ("message-id", "where", "problem", "remedy"):
        assert attributes[f"poolwright-{reason}"] in line["message"]
    if case != "not base64":
        assert data == base64.b64decode(body["message"]["data"])
        assert attributes["poolwright-subscription"] == SUBSCRIPTION


def test_a_refusal_by_a_service_is_parked_with_the_messages_own_attributes(serve: Serve, backstage: Backstage) -> None:
    backstage.outcome = raising(Refused("environment", "is not known", "Use one of dev, staging"))
    assert serve("step").post("/", json=push(WORK)).status_code == 204
    [(_, data, attributes)] = backstage.parked
    assert json.loads(data) == WORK["data"]
    assert attributes["kind"] == "rollout"
    assert attributes["poolwright-problem"] == "is not known"


def test_a_body_that_is_no_envelope_is_parked_as_it_came(serve: Serve, backstage: Backstage, lines: Lines) -> None:
    answer = serve("tick").post("/", data=b"hello", content_type="application/json")
    assert answer.status_code == 204
    [(_, data, attributes)] = backstage.parked
    assert (data, attributes["poolwright-message-id"]) == (b"hello", "unknown")
    assert "message unknown refused: body" in lines()[0]["message"]


def test_what_we_cannot_park_is_left_to_pubsubs_own_dead_letter_rule(
    serve: Serve, backstage: Backstage, lines: Lines
) -> None:
    backstage.broken_publisher = ConnectionError("no route to Pub/Sub")
    target, body, where = BAD["a missing field"]
    assert serve(target).post("/", json=body).status_code == 422
    [line] = lines()
    assert line["severity"] == "ERROR"
    assert where in line["message"]
    assert "no route to Pub/Sub" in line["message"]


@pytest.mark.parametrize("filler", [b"[", b" "])
def test_ten_megabytes_of_nonsense_are_neither_handled_nor_parked(
    filler: bytes, serve: Serve, backstage: Backstage, lines: Lines
) -> None:
    sample = {"attributes": {}, "data": (filler * 10_000_000).decode()}
    assert serve("rollout_command").post("/", json=push(sample)).status_code == 422
    assert not backstage.touched
    [line] = lines()
    assert MESSAGE_ID in line["message"]
    assert len(line["message"]) < 1000


def test_a_body_larger_than_any_push_is_neither_handled_nor_parked(
    serve: Serve, backstage: Backstage, lines: Lines
) -> None:
    answer = serve("tick").post("/", data=b"[" * 15_000_000, content_type="application/json")
    assert answer.status_code == 422
    assert not backstage.touched
    assert "15000000 bytes" in lines()[0]["message"]


def test_reasons_fit_into_attributes_of_pubsub(serve: Serve, backstage: Backstage) -> None:
    backstage.outcome = raising(Refused("here", "ż" * 2000, "remedy"))
    sample = {"attributes": {f"a{number}": "x" for number in range(100)}, "data": WORK["data"]}
    assert serve("step").post("/", json=push(sample)).status_code == 204
    [(_, _, attributes)] = backstage.parked
    assert len(attributes) == 100
    assert max(len(text.encode()) for text in attributes.values()) <= 1024
    assert attributes["poolwright-problem"].startswith("żżż")


@pytest.mark.parametrize("place", ["attributes", "data"])
def test_text_that_no_encoding_knows_is_refused(place: str, serve: Serve, backstage: Backstage) -> None:
    sample: dict[str, Any] = {"attributes": {}, "data": {}} | {place: {"\ud800": "x"}}
    assert serve("rollout_command").post("/", json=push(sample)).status_code == 204
    [(_, _, attributes)] = backstage.parked
    assert "surrogate" in attributes["poolwright-problem"]


def test_an_unwrapped_push_and_a_cloud_event_reach_the_service_too(serve: Serve, backstage: Backstage) -> None:
    client = serve("rollout_command")
    unwrapped = {
        "X-Goog-Pubsub-Message-Id": "u-1",
        "X-Goog-Pubsub-Publish-Time": "2026-11-20T10:00:00Z",
        "X-Goog-Pubsub-Subscription-Name": SUBSCRIPTION,
    }
    event = {
        "Ce-Type": "google.cloud.pubsub.topic.v1.messagePublished",
        "Ce-Id": "c-1",
        "Ce-Specversion": "1.0",
        "Ce-Source": "//pubsub.googleapis.com/projects/acme-gpu/topics/rollout-commands",
    }
    assert client.post("/", json=COMMAND["data"], headers=unwrapped).status_code == 204
    assert client.post("/", json=push(COMMAND), headers=event).status_code == 204
    assert [event.message_id for _, event in backstage.handled] == ["u-1", MESSAGE_ID]


def test_the_callers_token_is_never_parked(serve: Serve, backstage: Backstage) -> None:
    headers = {
        "X-Goog-Pubsub-Message-Id": "u-1",
        "X-Goog-Pubsub-Publish-Time": "2026-11-20T10:00:00Z",
        "Authorization": "Bearer caller-token-canary",
    }
    serve("rollout_command").post("/", data=b"nonsense", headers=headers)
    [(_, _, attributes)] = backstage.parked
    assert "caller-token-canary" not in json.dumps(attributes)


def test_a_reason_that_quotes_a_key_is_parked_without_it(serve: Serve, backstage: Backstage, lines: Lines) -> None:
    backstage.outcome = raising(Refused("template", "Compute refused 'KUBELET_KEY: c4n4ry'", "Look at the template"))
    serve("step").post("/", json=push(WORK))
    written = json.dumps([attributes for _, _, attributes in backstage.parked]) + json.dumps(lines())
    assert "KUBELET_KEY" in written
    assert "c4n4ry" not in written


def test_lines_carry_the_requests_trace(serve: Serve, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "acme-gpu")
    headers = {"X-Cloud-Trace-Context": "105445aa7843bc8bf206b12000100000/1;o=1"}
    serve("tick").post("/", json=push(CONCERNING["tick"]), headers=headers)
    [line] = lines()
    assert line["logging.googleapis.com/trace"] == "projects/acme-gpu/traces/105445aa7843bc8bf206b12000100000"
    assert line["logging.googleapis.com/spanId"] == "0000000000000001"


def test_a_visit_that_is_no_push_is_told_so(serve: Serve, backstage: Backstage) -> None:
    assert serve("tick").get("/").status_code == 405
    assert not backstage.touched
