"""Alert policies, notification channels and the incidents they make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.api_core.exceptions import FailedPrecondition, InvalidArgument, NotFound
from google.cloud import monitoring_v3

from tests.contract.monitoring.conftest import PROJECT, Stage

TOPIC = f"{PROJECT}/topics/gpu-alerts"
PAYLOADS = Path(__file__).parents[2] / "payloads"
FILTER = 'metric.type="kubernetes.io/node/accelerator/duty_cycle" resource.type="k8s_node"'


def channel(stage: Stage) -> str:
    body = {"type_": "pubsub", "display_name": "alerts", "labels": {"topic": TOPIC}}
    return str(stage.channels.create_notification_channel(name=PROJECT, notification_channel=body).name)


def condition(text: str = FILTER, *, above: float | None = None, below: float | None = None, **more: Any) -> Any:
    threshold = {
        "filter": text,
        "comparison": "COMPARISON_GT" if above is not None else "COMPARISON_LT",
        "threshold_value": above if above is not None else below,
        "duration": {"seconds": 120},
        "trigger": {"count": 1},
        "aggregations": [
            {
                "alignment_period": {"seconds": 60},
                "per_series_aligner": "ALIGN_MEAN",
                "cross_series_reducer": "REDUCE_MEAN",
            }
        ],
        **more,
    }
    return {"display_name": "GPU utilization", "condition_threshold": threshold}


def policy(stage: Stage, *conditions: Any, **more: Any) -> monitoring_v3.AlertPolicy:
    body = {
        "display_name": "l4-spot GPU utilization above 85 %",
        "combiner": "OR",
        "conditions": list(conditions),
        "user_labels": {"poolwright_provisioner": "l4-spot"},
        "severity": "WARNING",
        **more,
    }
    return stage.policies.create_alert_policy(name=PROJECT, alert_policy=body)


def l4() -> str:
    return f'{FILTER} resource.labels.cluster_name="serving" metric.labels.model="NVIDIA L4"'


def set_duty(stage: Stage, percent: int) -> None:
    for each in stage.fleet.clusters["serving"][1]:
        each["metadata"]["annotations"]["localcloud.poolwright.dev/duty-cycle"] = str(percent)


def test_an_incident_opens_after_the_duration_and_closes_with_the_same_id(busy: Stage) -> None:
    policy(busy, condition(l4(), above=30), notification_channels=[channel(busy)])
    busy.advance(120)
    assert busy.messages == []
    busy.advance(60)
    ((topic, opened),) = busy.messages
    busy.advance(600)
    assert len(busy.messages) == 1
    set_duty(busy, 10)
    busy.advance(60)
    (_, (_, closed)) = busy.messages
    assert topic == TOPIC
    first, last = opened["incident"], closed["incident"]
    assert first["state"] == "open" and first["ended_at"] is None and first["observed_value"] == "45"
    assert last["state"] == "closed" and last["ended_at"] > last["started_at"] == first["started_at"]
    assert last["incident_id"] == first["incident_id"] and last["observed_value"] == "5"
    assert first["policy_user_labels"] == {"poolwright_provisioner": "l4-spot"}
    assert first["resource"]["labels"]["cluster_name"] == "serving"


def test_an_incident_has_the_shape_google_documents(busy: Stage) -> None:
    policy(busy, condition(l4(), above=30), notification_channels=[channel(busy)])
    busy.advance(180)
    ((_, told),) = busy.messages
    sample = json.loads((PAYLOADS / "monitoring-gpu-high-open.json").read_text())["data"]
    assert shape(told) == shape(sample)


def shape(value: Any) -> Any:
    """Names and kinds of values; labels are anybody's."""
    if isinstance(value, dict):
        free = {"labels", "policy_user_labels"}
        return {name: "labels" if name in free else shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


def test_a_condition_that_stops_holding_in_time_opens_nothing(busy: Stage) -> None:
    policy(busy, condition(l4(), above=30), notification_channels=[channel(busy)])
    busy.advance(120)
    set_duty(busy, 0)
    busy.advance(600)
    assert busy.messages == []


def test_idle_gpus_open_an_incident_below_the_threshold(busy: Stage) -> None:
    batch = f'{FILTER} resource.labels.cluster_name="batch"'
    policy(busy, condition(batch, below=20), notification_channels=[channel(busy)])
    busy.advance(180)
    assert [told["incident"]["observed_value"] for _, told in busy.messages] == ["0"]


def test_without_a_reducer_each_series_has_an_incident_of_its_own(busy: Stage) -> None:
    each_series = [{"alignment_period": {"seconds": 60}, "per_series_aligner": "ALIGN_MEAN"}]
    policy(busy, condition(above=30, aggregations=each_series), notification_channels=[channel(busy)])
    busy.advance(180)
    nodes = sorted(told["incident"]["resource"]["labels"]["node_name"] for _, told in busy.messages)
    assert nodes == ["h1", "h1", "n1"]
    assert len({told["incident"]["incident_id"] for _, told in busy.messages}) == 3


def test_with_and_every_condition_must_hold(busy: Stage) -> None:
    batch = f'{FILTER} resource.labels.cluster_name="batch"'
    policy(
        busy,
        condition(l4(), above=30),
        condition(batch, above=30),
        combiner="AND",
        notification_channels=[channel(busy)],
    )
    busy.advance(600)
    assert busy.messages == []


def test_an_incident_without_data_closes_when_the_condition_says_so(busy: Stage) -> None:
    inactive = condition(l4(), above=30, evaluation_missing_data="EVALUATION_MISSING_DATA_INACTIVE")
    policy(busy, inactive, condition(l4(), above=31), notification_channels=[channel(busy)])
    busy.advance(180)
    busy.fleet.clusters.clear()
    busy.advance(120)
    states = [(told["incident"]["threshold_value"], told["incident"]["state"]) for _, told in busy.messages]
    assert states == [("30", "open"), ("31", "open"), ("30", "closed")]
    assert busy.messages[-1][1]["incident"]["observed_value"] == ""


def test_deleting_or_disabling_a_policy_closes_its_incidents(busy: Stage) -> None:
    name = channel(busy)
    first = policy(busy, condition(l4(), above=30), notification_channels=[name])
    second = policy(busy, condition(l4(), above=30), notification_channels=[name])
    busy.advance(180)
    busy.policies.delete_alert_policy(name=first.name)
    busy.policies.update_alert_policy(
        alert_policy={"name": second.name, "enabled": False}, update_mask={"paths": ["enabled"]}
    )
    busy.advance(60)
    assert [told["incident"]["state"] for _, told in busy.messages] == ["open", "open", "closed", "closed"]


def test_a_policy_is_kept_changed_and_deleted(stage: Stage) -> None:
    made = policy(stage, condition(above=85))
    assert made.enabled and made.conditions[0].name.startswith(f"{made.name}/conditions/")
    changed = stage.policies.update_alert_policy(
        alert_policy={"name": made.name, "display_name": "new", "user_labels": {"a": "b"}},
        update_mask={"paths": ["display_name"]},
    )
    assert changed.display_name == "new" and dict(changed.user_labels) == dict(made.user_labels)
    assert changed.conditions[0].name == made.conditions[0].name
    by_label = {"name": PROJECT, "filter": 'user_labels.poolwright_provisioner="l4-spot"'}
    assert [each.name for each in stage.policies.list_alert_policies(by_label)] == [made.name]
    assert not list(stage.policies.list_alert_policies({"name": PROJECT, "filter": 'display_name="old"'}))
    stage.policies.delete_alert_policy(name=made.name)
    with pytest.raises(NotFound):
        stage.policies.get_alert_policy(name=made.name)


@pytest.mark.parametrize(
    ("conditions", "more", "text"),
    [
        ([], {}, "between 1 and 6 conditions"),
        (
            [condition('metric.type="kubernetes.io/node/accelerator/duty_cycle"', above=1)],
            {},
            'restriction on "resource.type"',
        ),
        ([condition("metric.type=", above=1)], {}, "Could not parse filter"),
        ([condition(above=1, comparison="COMPARISON_EQ")], {}, "Only COMPARISON_LT and COMPARISON_GT are supported"),
        ([condition(above=1, duration={"seconds": 90})], {}, "multiple of 60 seconds"),
        ([condition(above=1)], {"notification_channels": ["mine"]}, "Name must begin with"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(stage: Stage, conditions: list[Any], more: Any, text: str) -> None:
    with pytest.raises(InvalidArgument, match=text):
        policy(stage, *conditions, **more)


def test_a_channel_in_use_is_deleted_by_force_only(stage: Stage) -> None:
    name = channel(stage)
    made = policy(stage, condition(above=85), notification_channels=[name])
    with pytest.raises(FailedPrecondition, match="because it is still being referenced by"):
        stage.channels.delete_notification_channel(name=name)
    stage.channels.delete_notification_channel(name=name, force=True)
    assert list(stage.policies.get_alert_policy(name=made.name).notification_channels) == []
    with pytest.raises(NotFound):
        policy(stage, condition(above=85), notification_channels=[name])


def test_a_channel_needs_its_label(stage: Stage) -> None:
    body = {"type_": "pubsub", "labels": {"topic": "gpu-alerts"}}
    with pytest.raises(InvalidArgument, match="topic"):
        stage.channels.create_notification_channel(name=PROJECT, notification_channel=body)


def test_policies_and_channels_over_rest(stage: Stage) -> None:
    body = {"type": "pubsub", "displayName": "alerts", "labels": {"topic": TOPIC}}
    status, made = stage.rest("POST", f"{PROJECT}/notificationChannels", body)
    assert status == 200 and made["type"] == "pubsub"
    threshold = {"filter": FILTER, "comparison": "COMPARISON_GT", "thresholdValue": 85, "duration": "120s"}
    wanted = {
        "displayName": "high",
        "combiner": "OR",
        "conditions": [{"displayName": "high", "conditionThreshold": threshold}],
        "notificationChannels": [made["name"]],
    }
    status, held = stage.rest("POST", f"{PROJECT}/alertPolicies", wanted)
    assert status == 200 and held["conditions"][0]["conditionThreshold"]["thresholdValue"] == 85
    status, changed = stage.rest(
        "PATCH", f"{held['name']}?updateMask=userLabels,displayName", {"userLabels": {"a": "b"}, "displayName": "x"}
    )
    assert status == 200 and changed["userLabels"] == {"a": "b"} and changed["displayName"] == "x"
    status, refused = stage.rest("POST", f"{PROJECT}/alertPolicies", {**wanted, "colour": "red"})
    assert status == 400 and 'Unknown name "colour"' in refused["error"]["message"]
    status, refused = stage.rest("DELETE", made["name"])
    assert status == 400 and refused["error"]["status"] == "FAILED_PRECONDITION"
    assert stage.rest("DELETE", held["name"]) == (200, {})
    assert stage.rest("DELETE", made["name"]) == (200, {})
    assert stage.rest("GET", held["name"])[0] == 404
