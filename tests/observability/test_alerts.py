"""Alerts are policies that Cloud Monitoring takes, on metrics that there are."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from google.cloud.monitoring_v3.types import AlertPolicy
from google.protobuf.descriptor import Descriptor
from google.protobuf.json_format import ParseDict, ParseError

from localcloud.deployment import SUBSCRIPTIONS
from localcloud.expressions import Comparison, comparisons
from localcloud.monitoring import filters
from poolwright import metrics
from poolwright.rollouts import rollout
from tests.observability import module

Json = dict[str, Any]
METRICS = module.metrics()
ALERTS = module.alerts()
OURS = "logging.googleapis.com/user/"
# https://cloud.google.com/monitoring/api/metrics_gcp
THEIRS = {
    "pubsub.googleapis.com/subscription/num_undelivered_messages": ("GAUGE", "INT64", set[str]()),
    "pubsub.googleapis.com/subscription/oldest_unacked_message_age": ("GAUGE", "INT64", set[str]()),
    "run.googleapis.com/request_count": ("DELTA", "INT64", {"response_code", "response_code_class"}),
    "run.googleapis.com/request_latencies": ("DELTA", "DISTRIBUTION", {"response_code", "response_code_class"}),
}
RESOURCES = {
    "pubsub_subscription": {"project_id", "subscription_id"},
    "cloud_run_revision": {"project_id", "service_name", "revision_name", "location", "configuration_name"},
}
WORDS = {
    "verdict": set(get_args(rollout.Verdict)),
    "phase": set(get_args(rollout.Phase)),
    "action": set(get_args(metrics.Action)),
    "outcome": set(get_args(metrics.Outcome)),
    "kind": set(get_args(metrics.ErrorKind)),
    "function": {each.function for each in SUBSCRIPTIONS},
}
# Which aligners take which metrics: https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies#aligner
ALIGNERS = {
    "ALIGN_DELTA": {("DELTA", "INT64"), ("DELTA", "DISTRIBUTION")},
    "ALIGN_MAX": {("GAUGE", "INT64"), ("DELTA", "INT64")},
    "ALIGN_PERCENTILE_95": {("DELTA", "DISTRIBUTION")},
}
# Which reducers take which aligned values.
REDUCERS = {
    "REDUCE_SUM": {"INT64", "DOUBLE", "DISTRIBUTION"},
    "REDUCE_MEAN": {"INT64", "DOUBLE", "DISTRIBUTION"},
    "REDUCE_MAX": {"INT64", "DOUBLE"},
}


def as_message(body: Json, of: Descriptor) -> Json:
    """Terraform's blocks as fields: a list of one where the field is no list."""
    made: Json = {}
    for name, value in body.items():
        field = of.fields_by_name.get(name)
        alone = isinstance(value, list) and field is not None and not field.is_repeated
        values = value if isinstance(value, list) and not alone else None
        if alone:
            (value,) = value  # noqa: PLW2901
        inner = field.message_type if field is not None else None
        if values is not None and inner is not None:
            made[name] = [as_message(each, inner) if isinstance(each, dict) else each for each in values]
        elif isinstance(value, dict) and inner is not None and not inner.GetOptions().map_entry:
            made[name] = as_message(value, inner)
        else:
            made[name] = value
    return made


def condition(alert: Json) -> Json:
    """What opens it."""
    (only,) = alert["conditions"]
    (kind,) = only.keys() & {"condition_threshold", "condition_absent"}
    (body,) = only[kind]
    return {"kind": kind, **body}


def check_query(filter_: str, aggregation: Json) -> None:
    """A query that says what it is about, and only what there is."""
    found = {each.field: each for each in comparisons(filters.read(filter_, field="filter"))}
    name, resource = found["metric.type"].values[0], found["resource.type"].values[0]
    kind, value_type, labels = _metric(name)
    _check_labels(found.values(), labels, RESOURCES[resource])
    for group in aggregation["groupByFields"]:
        owner, _, label = group.rpartition(".label.")
        assert label in {"metric": labels, "resource": RESOURCES[resource]}[owner], group
    assert (kind, value_type) in ALIGNERS[aggregation["perSeriesAligner"]], filter_
    aligned = "DOUBLE" if "PERCENTILE" in aggregation["perSeriesAligner"] else value_type
    assert aligned in REDUCERS[aggregation["crossSeriesReducer"]], filter_
    assert int(aggregation["alignmentPeriod"].removesuffix("s")) % 60 == 0


def _metric(name: str) -> tuple[str, str, set[str]]:
    if not name.startswith(OURS):
        return THEIRS[name]
    (ours,) = (each for each in METRICS.values() if OURS + each["name"] == name)
    (descriptor,) = ours["metric_descriptor"]
    return descriptor["metric_kind"], descriptor["value_type"], set(ours["label_extractors"])


def _check_labels(found: Any, labels: set[str], of_resource: set[str]) -> None:
    each: Comparison
    for each in found:
        owner, _, label = each.field.rpartition(".labels.")
        if owner == "metric":
            assert label in labels, each
            assert each.function or each.values[0] in WORDS[label], each
        elif owner:
            assert label in of_resource, each


def camel(aggregation: Json) -> Json:
    return {re.sub(r"_(\w)", lambda part: part[1].upper(), name): value for name, value in aggregation.items()}


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_is_a_policy_as_monitoring_knows_it(name: str) -> None:
    policy = ParseDict(as_message(ALERTS[name], AlertPolicy.pb().DESCRIPTOR), AlertPolicy.pb()())
    assert policy.display_name.startswith("poolwright: ")
    assert policy.combiner == AlertPolicy.ConditionCombinerType.OR
    assert policy.severity
    assert len(policy.conditions) == 1


def test_a_field_that_monitoring_does_not_know_is_found() -> None:
    alert = {**ALERTS["no-ticks"], "treshold": 1}
    with pytest.raises(ParseError, match="treshold"):
        ParseDict(as_message(alert, AlertPolicy.pb().DESCRIPTOR), AlertPolicy.pb()())


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_is_about_a_metric_labels_and_words_that_there_are(name: str) -> None:
    found = condition(ALERTS[name])
    (aggregation,) = found["aggregations"]
    check_query(found["filter"], {"groupByFields": [], **camel(aggregation)})


@pytest.mark.parametrize(
    ("was", "is_now"),
    [("/wave", "/waves"), ("labels.verdict", "labels.result"), ('"failed"', '"fails"'), ("cloud_run", "cloud_runs")],
)
def test_an_alert_about_what_there_is_not_is_found(was: str, is_now: str) -> None:
    found = condition(ALERTS["failing-gates"])
    (aggregation,) = found["aggregations"]
    assert was in found["filter"]
    with pytest.raises((AssertionError, KeyError, ValueError)):
        check_query(found["filter"].replace(was, is_now), camel(aggregation))


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_times_are_such_as_monitoring_takes(name: str) -> None:
    found = condition(ALERTS[name])
    seconds = int(found["duration"].removesuffix("s"))
    assert seconds % 60 == 0 and seconds <= 23 * 3600
    if found["kind"] == "condition_absent":
        assert seconds >= 120
    else:  # a control that needs a duration, https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies
        assert ("evaluation_missing_data" in found) == (seconds >= 60)


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_names_its_runbook(name: str) -> None:
    (documentation,) = ALERTS[name]["documentation"]
    assert documentation["content"].endswith(f"Runbook: docs/recover.md#{name}")
