"""Time series through Google's own client library (gRPC) and plain HTTP."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from google.api.metric_pb2 import MetricDescriptor
from google.api_core.exceptions import InvalidArgument, NotFound, PermissionDenied
from google.cloud import monitoring_v3

from localcloud.monitoring.times import timestamp
from tests.contract.monitoring.conftest import PROJECT, Stage

DUTY = 'metric.type = "kubernetes.io/node/accelerator/duty_cycle"'
MEAN = {
    "alignment_period": {"seconds": 60},
    "per_series_aligner": monitoring_v3.Aggregation.Aligner.ALIGN_MEAN,
    "cross_series_reducer": monitoring_v3.Aggregation.Reducer.REDUCE_MEAN,
}


def test_each_gpu_of_each_node_has_its_duty_cycle(busy: Stage) -> None:
    found = busy.query(DUTY)
    assert len(found) == 1 + 1 + 8 + 1
    values: dict[str, list[int]] = {}
    for series in found:
        values.setdefault(series.resource.labels["node_name"], []).append(series.points[0].value.int64_value)
    assert {name: sorted(each) for name, each in values.items()} == {
        "n1": [90],
        "n2": [0],
        "h1": [0, 0, 0, 0, 0, 0, 40, 40],
        "b1": [0],
    }
    first = next(each for each in found if each.resource.labels["node_name"] == "n1")
    assert dict(first.resource.labels) == {
        "project_id": "demo-project",
        "location": "us-central1",
        "cluster_name": "serving",
        "node_name": "n1",
    }
    assert first.resource.type == "k8s_node" and first.metric.labels["model"] == "NVIDIA L4"


def test_the_duty_cycle_follows_the_workload(busy: Stage) -> None:
    query = f'{DUTY} resource.labels.node_name="n1"'
    busy.fleet.clusters["serving"][1][0]["metadata"]["annotations"]["localcloud.poolwright.dev/duty-cycle"] = "15"
    busy.advance(60)
    (series,) = busy.query(query, seconds=120)
    assert [point.value.int64_value for point in series.points] == [15, 90]
    busy.fleet.clusters["serving"][1].clear()
    busy.advance(60)
    (series,) = busy.query(query)
    assert [point.value.int64_value for point in series.points] == [0]


def test_a_mean_over_a_cluster_is_one_series(busy: Stage) -> None:
    (series,) = busy.query(f'{DUTY} AND resource.labels.cluster_name = "serving"', seconds=180, aggregation=MEAN)
    assert [point.value.double_value for point in series.points] == [17.0, 17.0, 17.0]
    assert series.value_type == MetricDescriptor.DOUBLE and dict(series.metric.labels) == {}
    assert dict(series.resource.labels) == {"project_id": "demo-project"}


def test_series_are_grouped_by_labels(busy: Stage) -> None:
    fields = ["resource.label.cluster_name", "metric.labels.model"]
    found = busy.query(DUTY, aggregation={**MEAN, "group_by_fields": fields})
    assert {
        (each.resource.labels["cluster_name"], each.metric.labels["model"]): each.points[0].value.double_value
        for each in found
    } == {("serving", "NVIDIA L4"): 45.0, ("serving", "NVIDIA H100 80GB HBM3"): 10.0, ("batch", "NVIDIA L4"): 0.0}


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ('metric.labels.model = starts_with("NVIDIA H")', {"h1"}),
        ('resource.labels.node_name = one_of("n1", "b1")', {"n1", "b1"}),
        ('resource.labels.node_name = monitoring.regex.full_match("n[0-9]")', {"n1", "n2"}),
        ('resource.labels.node_name != monitoring.regex.full_match("n[0-9]")', {"h1", "b1"}),
        ('metric.labels.model = has_substring("L4") AND NOT resource.labels.cluster_name = "batch"', {"n1", "n2"}),
        ('(resource.labels.node_name="n1" OR resource.labels.node_name="b1")', {"n1", "b1"}),
        ('metadata.user_labels."cloud.google.com/gke-nodepool" = "h100"', {"h1"}),
    ],
)
def test_filters_choose_series(busy: Stage, text: str, nodes: set[str]) -> None:
    assert {each.resource.labels["node_name"] for each in busy.query(f"{DUTY} AND {text}")} == nodes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('resource.type = "k8s_node"', 'must specify a restriction on "metric.type" in the filter'),
        (f"{DUTY} AND colour = 1", "unknown selector"),
        (f'{DUTY} AND resource.labels.x =~ "a"', "Could not parse filter"),
        (f"{DUTY} AND (", "syntax error at line 1"),
        (f'{DUTY} AND resource.type = "gce_instance"', "does not specify a valid combination of metric and monitored"),
    ],
)
def test_a_bad_filter_is_refused(busy: Stage, text: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        busy.query(text)


def test_a_metric_nobody_knows_is_not_found(busy: Stage) -> None:
    with pytest.raises(NotFound, match="Cannot find metric"):
        busy.query('metric.type = "custom.googleapis.com/nothing"')


def test_an_interval_needs_an_end(busy: Stage) -> None:
    with pytest.raises(InvalidArgument, match=r"Request was missing field interval.endTime"):
        busy.metrics.list_time_series({"name": PROJECT, "filter": DUTY})


def test_an_order_cannot_be_asked_for(busy: Stage) -> None:
    with pytest.raises(InvalidArgument, match="must be left blank"):
        busy.query(DUTY, order_by="timestamp")


def test_headers_come_without_points(busy: Stage) -> None:
    found = busy.query(DUTY, view=monitoring_v3.ListTimeSeriesRequest.TimeSeriesView.HEADERS, page_size=4)
    assert len(found) == 11 and not any(each.points for each in found)


def test_an_aligner_must_suit_the_metric(busy: Stage) -> None:
    aggregation = {"alignment_period": {"seconds": 60}, "per_series_aligner": "ALIGN_RATE"}
    with pytest.raises(InvalidArgument, match="cannot be applied to metrics with kind GAUGE and value type INT64"):
        busy.query(DUTY, aggregation=aggregation)


def test_a_project_nobody_knows_is_denied(busy: Stage) -> None:
    with pytest.raises(PermissionDenied, match=r"monitoring.timeSeries.list"):
        busy.metrics.list_time_series({"name": "projects/other", "filter": DUTY, "interval": busy.interval(60)})


def test_pages_hold_as_many_points_as_asked(busy: Stage) -> None:
    request = {"name": PROJECT, "filter": DUTY, "interval": busy.interval(180), "page_size": 5}
    pages = list(busy.metrics.list_time_series(request).pages)
    sizes = [sum(len(series.points) for series in page.time_series) for page in pages]
    assert sum(sizes) == 11 * 3 and set(sizes[:-1]) == {5}


def test_rest_answers_as_grpc_does(busy: Stage) -> None:
    query = [
        ("filter", f'{DUTY} AND resource.labels.cluster_name="serving"'),
        ("interval.startTime", timestamp(busy.now() - 60)),
        ("interval.endTime", timestamp(busy.now())),
        ("aggregation.alignmentPeriod", "60s"),
        ("aggregation.perSeriesAligner", "ALIGN_MEAN"),
        ("aggregation.crossSeriesReducer", "REDUCE_MEAN"),
        ("aggregation.groupByFields", "resource.label.cluster_name"),
        ("aggregation.groupByFields", "metric.label.model"),
    ]
    status, body = busy.rest("GET", f"{PROJECT}/timeSeries?{urlencode(query)}")
    assert status == 200
    assert {each["metric"]["labels"]["model"]: each["points"][0]["value"] for each in body["timeSeries"]} == {
        "NVIDIA L4": {"doubleValue": 45.0},
        "NVIDIA H100 80GB HBM3": {"doubleValue": 10.0},
    }
    bad = urlencode([("filter", DUTY), ("interval.endTime", "yesterday")])
    status, body = busy.rest("GET", f"{PROJECT}/timeSeries?{bad}")
    assert status == 400 and "Illegal timestamp format; timestamps must end with 'Z'" in body["error"]["message"]
    status, body = busy.rest("GET", f"{PROJECT}/timeSeries?" + urlencode(query[1:]))
    assert status == 400 and body["error"]["status"] == "INVALID_ARGUMENT"


def test_container_series_name_the_pod(busy: Stage) -> None:
    found = busy.query('metric.type = "kubernetes.io/container/accelerator/duty_cycle" resource.type="k8s_container"')
    assert sorted((each.resource.labels["pod_name"], each.points[0].value.int64_value) for each in found) == [
        ("a", 90),
        ("b", 40),
        ("b", 40),
    ]


def test_samples_older_than_six_hours_are_forgotten(busy: Stage) -> None:
    busy.advance(7 * 3600)
    (series,) = busy.query(f'{DUTY} AND resource.labels.node_name="n1"', seconds=10 * 3600)
    assert len(series.points) == 361


def custom(stage: Stage, value: float, *, at: float) -> dict[str, object]:
    return {
        "metric": {"type": "custom.googleapis.com/queue_depth", "labels": {"queue": "a"}},
        "resource": {"type": "global"},
        "points": [{"interval": {"end_time": {"seconds": int(at)}}, "value": {"double_value": value}}],
    }


def test_custom_metrics_are_written_and_described(stage: Stage) -> None:
    series = custom(stage, 7.5, at=stage.now())
    stage.metrics.create_time_series(name=PROJECT, time_series=[series])
    (found,) = stage.query('metric.type = "custom.googleapis.com/queue_depth" AND metric.labels.queue = "a"')
    assert found.points[0].value.double_value == 7.5
    with pytest.raises(InvalidArgument, match="Points must be written in order"):
        stage.metrics.create_time_series(name=PROJECT, time_series=[series])
    name = f"{PROJECT}/metricDescriptors/custom.googleapis.com/queue_depth"
    assert stage.metrics.get_metric_descriptor(name=name).value_type == MetricDescriptor.DOUBLE
    listed = stage.metrics.list_metric_descriptors({"name": PROJECT, "filter": 'metric.type = starts_with("custom.")'})
    assert [each.type for each in listed] == ["custom.googleapis.com/queue_depth"]
    stage.metrics.delete_metric_descriptor(name=name)
    with pytest.raises(NotFound):
        stage.metrics.get_metric_descriptor(name=name)


def test_google_s_own_metrics_are_not_for_writing(stage: Stage) -> None:
    series = custom(stage, 1, at=stage.now()) | {"metric": {"type": "kubernetes.io/node/accelerator/duty_cycle"}}
    with pytest.raises(InvalidArgument, match="Only custom metrics can be written"):
        stage.metrics.create_time_series(name=PROJECT, time_series=[series])


def test_resources_are_described(stage: Stage) -> None:
    found = {each.type: each for each in stage.metrics.list_monitored_resource_descriptors(name=PROJECT)}
    assert [each.key for each in found["k8s_node"].labels] == ["project_id", "location", "cluster_name", "node_name"]
