"""An environment of two clusters: what goes wrong in one of them costs that one alone."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from poolwright.references import ClusterRef, PoolRef
from poolwright.services import status
from tests.chaos.flows.world import L4, NAME, command, groups, image, made_by_us, phase, reason, rollout, runs, table
from tests.chaos.ground import Ground
from tests.chaos.harness import Flow
from tests.services.conftest import CHAOS

OTHER = PoolRef(ClusterRef("chaos-gpu", "us-east4", "training"), "h100")


@pytest.fixture
def flow(tmp_path: Path) -> Iterator[Flow]:
    """Clusters serving and training, in one environment; the canary is in serving."""
    world, said = (
        yaml.safe_load((CHAOS / each).read_text("utf-8"))
        for each in ("worlds/rollouts.yaml", "environments/rollouts/chaos.yaml")
    )
    pool = {"name": "h100", "machineType": "a3-highgpu-8g", "zones": ["us-east4-a"], "nodesPerZone": 1}
    world["clusters"].append({"name": "training", "location": "us-east4", "nodePools": [pool]})
    said["clusters"].append({"name": "training", "location": "us-east4"})
    (tmp_path / "world.yaml").write_text(yaml.safe_dump(world), "utf-8")
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "chaos.yaml").write_text(yaml.safe_dump(said), "utf-8")
    ground = Ground(folder=tmp_path, world=tmp_path / "world.yaml", environments=tmp_path / "environments")
    with ground.flow() as flow:
        yield flow
    ground.close()


def as_it_is(flow: Flow) -> Any:
    """The other cluster's group, its VMs and its nodes' names."""
    ref = OTHER.cluster
    nodes = sorted(each["metadata"]["name"] for each in flow.there(lambda: flow.kubernetes(ref).list("nodes")))
    instances = {path: each["id"] for path, each in table(flow, "compute.instances").items() if "us-east4" in path}
    kept = ("instanceTemplate", "versions", "targetSize", "fingerprint", "updatePolicy")
    return copy.deepcopy(([{key: each.get(key) for key in kept} for each in groups(flow, OTHER)], instances, nodes))


def test_a_failed_gate_rolls_back_what_was_changed_and_leaves_the_other_cluster_alone(flow: Flow) -> None:
    flow.pass_time(600)
    before, templates = as_it_is(flow), [each["instanceTemplate"] for each in groups(flow, L4)]
    assert before[2], "a node runs there"
    image(flow, run_id=1)
    flow.there(lambda: table(flow, "gke.brokenImages").update({f"poolwright-{NAME}-1": "ready"}))
    flow.begin()
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "rolled back", what="the roll-back")
    flow.pass_time(900)
    assert as_it_is(flow) == before
    assert [each["instanceTemplate"] for each in groups(flow, L4)] == templates
    states = {target["group"]: target["state"] for wave in rollout(flow, 1)["waves"] for target in wave["targets"]}
    assert sorted(states.values()) == ["rolled back", "waiting", "waiting", "waiting"]
    assert [state for group, state in states.items() if "us-east4" in group] == ["waiting"]
    assert len(made_by_us(flow)) == 1
    changed = [each for each in flow.stack.world.calls.mutating() if each.method.startswith("instance_group_managers.")]
    assert changed
    assert all("us-central1" in str(each.params) and "us-east4" not in str(each.params) for each in changed)
    (environment,) = flow.ports.environments
    (ended,) = status.read(flow.ports, environment).ended
    assert (ended.phase, ended.reason) == ("rolled back", reason(flow, 1))
    assert "has not joined its cluster" in ended.reason or "is not Ready" in ended.reason
    assert "\n" not in ended.reason
    assert runs(flow, OTHER) == {None}


def test_a_good_image_reaches_both(flow: Flow) -> None:
    image(flow, run_id=1)
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")
    assert runs(flow, L4) | runs(flow, OTHER) == {1}
