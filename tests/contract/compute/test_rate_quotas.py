"""Rate quotas and latency: what Compute's front end does before a method sees the call."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.api_core import exceptions

from localcloud.compute.rate_quotas import metric_of
from localcloud.compute.surface import compute_methods
from localcloud.dispatch import Call
from tests.contract.compute.conftest import PROJECT, ZONE, Cloud

TEMPLATES = f"projects/{PROJECT}/global/instanceTemplates"
GROUPS = f"projects/{PROJECT}/zones/{ZONE}/instanceGroupManagers"


def limit(cloud: Cloud, **quotas: int) -> None:
    cloud.world.table("compute.rateQuotas").update(quotas)


def test_one_read_too_many_is_answered_as_googles_front_end_does(cloud: Cloud) -> None:
    limit(cloud, read_requests=2)
    answers = [cloud.raw("GET", f"{TEMPLATES}/small") for _ in range(3)]
    assert [status for status, _ in answers] == [200, 200, 403]
    text = (
        "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute' of service "
        "'compute.googleapis.com' for consumer 'project_number:314159265358'."
    )
    error: dict[str, Any] = answers[2][1]["error"]
    assert (error["code"], error["message"], error["status"]) == (403, text, "PERMISSION_DENIED")
    assert error["errors"] == [{"message": text, "domain": "usageLimits", "reason": "rateLimitExceeded"}]
    assert error["details"][0]["metadata"] == {
        "service": "compute.googleapis.com",
        "consumer": "projects/314159265358",
        "quota_metric": "compute.googleapis.com/read_requests",
        "quota_limit": "ReadRequestsPerMinutePerProject",
        "quota_limit_value": "2",
        "quota_location": "global",
    }
    with pytest.raises(exceptions.Forbidden, match="Quota exceeded for quota metric") as refused:
        cloud.templates.get(project=PROJECT, instance_template="small")
    assert refused.value.reason == "RATE_LIMIT_EXCEEDED"


def test_a_quota_is_full_again_when_the_next_minute_begins(cloud: Cloud) -> None:
    limit(cloud, read_requests=1)
    now = cloud.world.simulation.now()
    cloud.advance(60 - now % 60 + 50)
    assert cloud.raw("GET", f"{TEMPLATES}/small")[0] == 200
    cloud.advance(9)
    assert cloud.raw("GET", f"{TEMPLATES}/small")[0] == 403
    cloud.advance(2)
    assert cloud.raw("GET", f"{TEMPLATES}/small")[0] == 200


def test_each_kind_and_each_region_has_its_own(cloud: Cloud) -> None:
    limit(cloud, read_requests_per_region=1, list_requests_per_region=1)
    assert cloud.raw("GET", GROUPS)[0] == 200
    assert cloud.raw("GET", GROUPS)[0] == 403
    assert cloud.raw("GET", f"{GROUPS}/none")[0] == 404
    assert cloud.raw("GET", f"{GROUPS}/none")[0] == 403
    assert cloud.raw("GET", f"projects/{PROJECT}/zones/us-east4-a/instanceGroupManagers/none")[0] == 404
    assert cloud.raw("GET", f"{TEMPLATES}/small")[0] == 200


def test_without_limits_nothing_is_refused(cloud: Cloud) -> None:
    assert {cloud.raw("GET", f"{TEMPLATES}/small")[0] for _ in range(20)} == {200}


@pytest.mark.parametrize(
    ("service", "method", "metric"),
    [
        ("instance_group_managers", "Get", "read_requests"),
        ("instance_group_managers", "List", "list_requests"),
        ("instance_group_managers", "AggregatedList", "heavy_weight_read_requests"),
        ("instance_group_managers", "ListManagedInstances", "default"),
        ("instance_group_managers", "Patch", "default"),
        ("instance_templates", "Insert", "default"),
        ("images", "Insert", "global_resource_write_requests"),
        ("images", "GetFromFamily", "read_requests"),
        ("zone_operations", "Get", "operation_read_requests"),
        ("zone_operations", "Wait", "heavy_weight_read_requests"),
    ],
)
def test_a_method_is_charged_to_the_quota_that_the_page_names(service: str, method: str, metric: str) -> None:
    found = next(each for each in compute_methods() if each.service.endswith(service) and each.name == method)
    assert metric_of(Call(method=found, params={})) == metric


def test_a_call_is_held_back_as_long_as_the_world_says_and_others_are_not(fast: Cloud) -> None:
    speed = fast.world.simulation.speed
    fast.world.table("localcloud.latency").update({"compute.googleapis.com/instance_templates.*": 1.0 * speed})
    with ThreadPoolExecutor() as pool:
        slow = pool.submit(fast.raw, "GET", f"{TEMPLATES}/small")
        fast.until(lambda: fast.raw("GET", GROUPS)[0] == 200)
        assert slow.result()[0] == 200
    assert next(iter(fast.world.calls)).method == "instance_group_managers.List"
    assert list(fast.world.calls)[-1].method == "instance_templates.Get"


def test_time_that_a_test_moves_is_not_spent_on_answers(cloud: Cloud) -> None:
    cloud.world.table("localcloud.latency").update({"*": 3600.0})
    assert cloud.raw("GET", f"{TEMPLATES}/small")[0] == 200
