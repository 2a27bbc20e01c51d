"""A node that works is taken away where its pods fit elsewhere, each whole, and never while one of them is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.flows.world import CLUSTER, NAME, PROJECT, forbid_evictions
from tests.chaos.ground import Ground
from tests.chaos.harness import Flow
from tests.services.capacity.conftest import asked, look, records
from tests.services.capacity.test_scale_down import closed, nodes

Json = dict[str, Any]
WORLD = """
project: chaos-gpu
seed: 23
clusters:
  - name: serving
    location: us-central1
    nodePools:
      - {name: l4, machineType: g2-standard-24, zones: [us-central1-a], nodesPerZone: 2}
provisioners:
  - name: l4
    cluster: serving
    nodePools: [l4]
    spec:
      minGPUUtilizationPercent: 60
      maxGPUUtilizationPercent: 90
      minNodes: 1
      maxNodes: 2
      cooldowns: {scaleDownSeconds: 0}
workloads:
  - {name: chat, cluster: serving, replicas: 2, gpusPerPod: 1, dutyCycle: 60}
"""


@pytest.fixture
def flow(tmp_path: Path) -> Iterator[Flow]:
    """Two nodes of two GPUs each, with one pod of one GPU on each."""
    folder = tmp_path / "environments"
    folder.mkdir()
    body = {
        "name": NAME,
        "project": PROJECT,
        "mode": "act",
        "clusters": [{"name": "serving", "location": "us-central1"}],
        "buildServiceAccount": f"image-builder@{PROJECT}.iam.gserviceaccount.com",
    }
    (folder / f"{NAME}.yaml").write_text(json.dumps(body), "utf-8")
    (tmp_path / "world.yaml").write_text(WORLD, "utf-8")
    ground = Ground(folder=tmp_path, world=tmp_path / "world.yaml", environments=folder)
    try:
        with ground.flow() as run:
            run.begin()
            yield run
    finally:
        ground.close()


def where(flow: Flow) -> dict[str, str]:
    """The node of each pod with a GPU."""
    found = flow.there(lambda: flow.kubernetes(CLUSTER).list("pods", labels="app=chat"))
    return {each["metadata"]["name"]: each["spec"].get("nodeName", "") for each in found}


def test_a_pod_that_works_is_moved_and_its_node_goes_after_it(flow: Flow) -> None:
    assert sorted(where(flow).values()) == sorted(nodes(flow))
    for _ in range(40):
        deleted = bool(asked(flow, "DeleteInstances"))
        look(flow)
        if asked(flow, "DeleteInstances") and not deleted:
            (gone,) = closed(flow)
            assert gone not in where(flow).values(), "deleted under a pod"
    assert len(nodes(flow)) == 1, records(flow)
    assert set(where(flow).values()) == set(nodes(flow))
    assert len(where(flow)) == 2
    assert any("asks pods of" in each for each in records(flow))


def test_a_pod_that_works_stays_while_its_budget_wants_it_there(flow: Flow) -> None:
    flow.there(lambda: forbid_evictions(flow, "chat"))
    before = where(flow)
    flow.until(lambda: bool(closed(flow)), what="a node in hand")
    look(flow, times=10)
    assert where(flow) == before
    assert len(nodes(flow)) == 2
