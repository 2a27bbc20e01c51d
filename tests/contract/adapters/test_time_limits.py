"""No call waits for ever: what each adapter's HTTP client was told, call by call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from requests.adapters import HTTPAdapter

from poolwright.adapters import cloud_build, compute, gke
from poolwright.adapters.cloud_build import CloudBuildApi
from poolwright.adapters.compute import ComputeEngine
from poolwright.adapters.gke import KubernetesEngine
from poolwright.adapters.google_access import GoogleAccess
from poolwright.references import ClusterRef, GroupRef
from poolwright.services.ports import Missing
from tests.contract.adapters.conftest import Canned

GROUP, CLUSTER = GroupRef("p", "z", "g"), ClusterRef("p", "l", "c")
ID = "7d1f3c1e-8f0a-5b1c-9c3e-2f6d9d1c0a11"
TEMPLATE = "projects/p/global/instanceTemplates/t"


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The time limit of every request that is sent."""
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    seen: list[Any] = []
    send = HTTPAdapter.send

    def noting(self: HTTPAdapter, request: Any, **options: Any) -> Any:
        seen.append(options.get("timeout"))
        return send(self, request, **options)

    monkeypatch.setattr(HTTPAdapter, "send", noting)
    return seen


@pytest.mark.parametrize(
    "call",
    [
        lambda access: ComputeEngine(access).group(GROUP),
        lambda access: ComputeEngine(access).groups("p"),
        lambda access: ComputeEngine(access).members(GROUP),
        lambda access: ComputeEngine(access).template(TEMPLATE),
        lambda access: ComputeEngine(access).templates("p", name_prefix="t"),
        lambda access: ComputeEngine(access).begin_template("p", {"name": "t"}, region=None, request_id=ID),
        lambda access: ComputeEngine(access).patch_group(GROUP, {}, request_id=ID),
        lambda access: ComputeEngine(access).create_instances(GROUP, ["a"], request_id=ID),
        lambda access: ComputeEngine(access).delete_instances(GROUP, ["a"], request_id=ID),
        lambda access: ComputeEngine(access).image("p", "i"),
        lambda access: ComputeEngine(access).images("p", family="f"),
        lambda access: KubernetesEngine(access).cluster(CLUSTER),
        lambda access: CloudBuildApi(access).build("p", "l", "b"),
        lambda access: CloudBuildApi(access).builds("p", "l", tags=[], since=0),
    ],
)
def test_every_call_has_a_time_limit(canned: Canned, limits: list[Any], call: Callable[[GoogleAccess], Any]) -> None:
    access = GoogleAccess({part.HOST: canned.url for part in (compute, gke, cloud_build)})
    with pytest.raises(Missing):
        call(access)
    assert limits and all(limit == 10 for limit in limits)


def test_waiting_for_an_operation_ends_within_half_a_minute(canned: Canned, limits: list[Any]) -> None:
    link = "https://www.googleapis.com/compute/v1/projects/p/zones/z/operations/o"
    canned.tell("PATCH", f"/compute/v1/{GROUP}", (200, {"name": "o", "status": "RUNNING", "selfLink": link}))
    canned.tell("POST", "/compute/v1/projects/p/zones/z/operations/o/wait", (200, {"status": "DONE"}))
    ComputeEngine(GoogleAccess({compute.HOST: canned.url})).patch_group(GROUP, {}, request_id=ID)
    write, wait = limits
    assert write == 10
    assert 10 < wait <= 30
