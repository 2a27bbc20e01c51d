"""MetricService: queries, writes, descriptors.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries
"""

from __future__ import annotations

from typing import Any

from localcloud.dispatch import Answer, Call
from localcloud.errors import GoogleError
from localcloud.monitoring import filters
from localcloud.monitoring.descriptors import (
    CUSTOM,
    RESOURCES,
    metric_descriptors,
    own_descriptors,
    resource_descriptor,
)
from localcloud.monitoring.paging import page, page_of_points
from localcloud.monitoring.queries import Queries, check_aggregation, understand
from localcloud.monitoring.refusals import invalid, missing, no_metric, no_such
from localcloud.monitoring.series import SeriesStore
from localcloud.monitoring.values import as_json, interval_of
from localcloud.projects import project_id
from localcloud.world import World

MAX_POINTS = 100_000


class Metrics:
    """Handlers of MetricService, but for writing."""

    def __init__(self, world: World, store: SeriesStore, queries: Queries) -> None:
        self._world = world
        self._store = store
        self._queries = queries

    def list_time_series(self, call: Call) -> Answer:
        params = call.params
        project = self._project(params, "monitoring.timeSeries.list")
        text, interval = params.get("filter", ""), params.get("interval", {})
        if not text:
            raise missing("filter")
        if "endTime" not in interval:
            raise missing("interval.endTime")
        if params.get("orderBy"):
            raise invalid("orderBy", params["orderBy"], "Unsupported: must be left blank.")
        start, end = interval_of(interval)
        if start > end:
            why = "The start time must be before the end time."
            raise invalid("interval.startTime", interval["startTime"], why)
        term = understand(self._world, project, text, field="filter")
        aggregations = [params[name] for name in ("aggregation", "secondaryAggregation") if name in params]
        self._check(project, term, aggregations[:1])
        found = self._queries.run(project=project, term=term, start=start, end=end, aggregations=aggregations)
        size = min(int(params.get("pageSize", 0)) or MAX_POINTS, MAX_POINTS)
        if params.get("view") == "HEADERS":
            return page([as_json(each, with_points=False) for each in found], params, key="timeSeries", limit=size)
        chosen, token = page_of_points(found, token=params.get("pageToken"), size=size)
        answer: Answer = {"timeSeries": [as_json(each, with_points=True) for each in chosen]}
        return {**answer, "nextPageToken": token} if token else answer

    def list_metric_descriptors(self, call: Call) -> Answer:
        project = self._project(call.params, "monitoring.metricDescriptors.list")
        found = list(metric_descriptors(self._world, project).values())
        if text := call.params.get("filter"):
            term = filters.read(text, field="filter")
            found = [each for each in found if filters.takes(term, _as_series(project, each))]
        return page(found, call.params, key="metricDescriptors", limit=10_000)

    def get_metric_descriptor(self, call: Call) -> Answer:
        project, kind = self._descriptor(call.params["name"], "monitoring.metricDescriptors.get")
        found = metric_descriptors(self._world, project).get(kind)
        if found is None:
            raise no_metric(kind)
        return found

    def create_metric_descriptor(self, call: Call) -> Answer:
        project = self._project(call.params, "monitoring.metricDescriptors.create")
        body = call.params.get("metricDescriptor", {})
        kind = body.get("type", "")
        if not kind.startswith(CUSTOM):
            why = "The metric type must be a URL-formatted string with a domain and non-empty path."
            raise invalid("metricDescriptor.type", kind, why)
        for name in ("metricKind", "valueType"):
            if name not in body:
                raise invalid(f"metricDescriptor.{name}", "", "The value must be specified.")
        name = f"projects/{project}/metricDescriptors/{kind}"
        descriptor = {**body, "name": name, "monitoredResourceTypes": list(RESOURCES)}
        own_descriptors(self._world)[name] = descriptor
        return descriptor

    def delete_metric_descriptor(self, call: Call) -> Answer:
        project, kind = self._descriptor(call.params["name"], "monitoring.metricDescriptors.delete")
        name = f"projects/{project}/metricDescriptors/{kind}"
        if name not in own_descriptors(self._world):
            if kind in metric_descriptors(self._world, project):
                raise GoogleError("INVALID_ARGUMENT", f"The metric descriptor {name} cannot be deleted.")
            raise no_metric(kind)
        del own_descriptors(self._world)[name]
        self._store.forget_metric(project, kind)
        return {}

    def list_monitored_resource_descriptors(self, call: Call) -> Answer:
        project = self._project(call.params, "monitoring.monitoredResourceDescriptors.list")
        found = [resource_descriptor(project, kind) for kind in sorted(RESOURCES)]
        if text := call.params.get("filter"):
            term = filters.read(text, field="filter")
            found = [each for each in found if filters.takes(term, {"resource": {"type": each["type"], "labels": {}}})]
        return page(found, call.params, key="resourceDescriptors")

    def get_monitored_resource_descriptor(self, call: Call) -> Answer:
        project, kind = self._descriptor(call.params["name"], "monitoring.monitoredResourceDescriptors.get")
        if kind not in RESOURCES:
            raise no_such("Monitored resource descriptor", call.params["name"])
        return resource_descriptor(project, kind)

    def _check(self, project: str, term: Any, aggregations: list[dict[str, Any]]) -> None:
        """Refuse an aggregation also where no series matches yet."""
        wanted = filters.restricts(term, "metric.type")[0].values[0]
        known = metric_descriptors(self._world, project).get(wanted)
        for aggregation in aggregations if known else []:
            check_aggregation(aggregation, kind=known["metricKind"], value_type=known["valueType"])  # type: ignore[index]

    def _project(self, params: dict[str, Any], permission: str) -> str:
        return project_of(self._world, params.get("name", ""), permission)

    def _descriptor(self, name: str, permission: str) -> tuple[str, str]:
        parts = name.split("/", 3)
        if len(parts) < 4:
            raise invalid("name", name, "Resource container and descriptor type must be given.")
        return project_of(self._world, "/".join(parts[:2]), permission), parts[3]


def project_of(world: World, name: str, permission: str) -> str:
    """The project's id of `projects/P` or of a name inside it."""
    parts = name.split("/")
    if len(parts) < 2 or parts[0] != "projects":
        raise invalid("name", name, 'Resource container must be of the form "projects/[PROJECT_ID_OR_NUMBER]".')
    return project_id(world, parts[1], permission=permission)


def _as_series(project: str, descriptor: dict[str, Any]) -> dict[str, Any]:
    """A descriptor as far as a filter may ask about it."""
    metric = {"type": descriptor["type"], "labels": {}}
    return {"metric": metric, "resource": {"type": "", "labels": {"project_id": project}}}
