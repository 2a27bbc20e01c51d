"""`mode: observe`: all is seen, decided and recorded, and nothing is written, neither at Google's nor in a cluster."""

from __future__ import annotations

import pytest

from poolwright.references import PoolRef
from tests.chaos.flows.world import (
    CLUSTER,
    GKE,
    L4,
    MANAGER,
    build,
    command,
    groups,
    keep_busy,
    runs,
    scale,
    stored,
    upgrade,
)
from tests.chaos.harness import Flow
from tests.services.conftest import Begin
from tests.services.test_mutation import released_only, writes

OTHERS = ("firestore", "pubsub")  # our own store and topics
POOL = {"cluster": "serving", "machineType": "g2-standard-12", "accelerator": "nvidia-l4", "zone": "us-central1-a"}
REBUILDING = {
    "sourceImage": {"onChange": "rebuild", "referencePool": POOL},
    "build": {"source": "gs://chaos-gpu-builds/packer.tar.gz", "zone": "us-central1-a"},
}


def ours(flow: Flow) -> list[str]:
    """What was written since `begin`; what GKE, people and workloads did is in no call log."""
    return [each for each in writes(flow) if not each.startswith(OTHERS)]


def kinds(flow: Flow) -> set[str]:
    return {each["kind"] for each in stored(flow, "records")}


@pytest.mark.parametrize("has_release", [False, True], ids=["nothing is released", "an image is released"])
def test_builds_pools_commands_and_ticks_write_nothing(begin: Begin, has_release: bool) -> None:
    flow = begin(mode="observe", **REBUILDING)
    if has_release:
        released_only(flow, run_id=7)
    flow.begin()
    flow.publish("ticks", {})
    flow.pass_time(60)
    build(flow, run_id=8)
    flow.pass_time(600)
    model = flow.ask(GKE, f"{MANAGER}.GetNodePool", name=str(L4))
    fresh = {"name": "fresh", "initialNodeCount": 0, "locations": model["locations"][:1], "version": model["version"]}
    fresh["config"] = {key: model["config"][key] for key in ("machineType", "imageType", "accelerators")}
    flow.ask(GKE, f"{MANAGER}.CreateNodePool", parent=str(CLUSTER), nodePool=fresh)
    flow.pass_time(600)
    flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), labels={"labels": {"team": "chaos"}})
    flow.pass_time(600)
    upgrade(flow)
    flow.pass_time(600)
    command(flow, "start")
    flow.pass_time(300)
    assert ours(flow) == []
    assert runs(flow, L4) | runs(flow, PoolRef(CLUSTER, "fresh")) == {None}
    assert {"node pool changed", "build heard", "rollout"} <= kinds(flow)
    assert ("refusal" in kinds(flow)) == has_release
    assert stored(flow, "rollouts") == []
    reasons = [each["reason"] for each in stored(flow, "refusals") if each["kind"] == "skew"]
    assert has_release == any("would be requested; mode is observe" in each for each in reasons)


def test_an_alert_writes_nothing_not_even_a_status(begin: Begin) -> None:
    flow = begin("capacity", mode="observe")
    flow.there(lambda: scale(flow, "chat", replicas=2))
    flow.pass_time(60)
    flow.begin()
    flow.there(lambda: keep_busy(flow, "chat", percent=95))
    flow.pass_time(600)
    assert ours(flow) == []
    assert "alert" in kinds(flow)
    would = [each["what"] for each in stored(flow, "records") if each["kind"] == "capacity"]
    assert would
    assert all(each.startswith("would add 1 nodes") for each in would)
    (provisioner,) = flow.there(lambda: flow.kubernetes(CLUSTER).list("nodeprovisioners.compute.poolwright.dev"))
    assert not provisioner.get("status")
    assert [int(each["targetSize"]) for each in groups(flow, L4)] == [2]


def test_a_provisioner_that_cannot_work_is_recorded(begin: Begin) -> None:
    flow = begin("capacity", mode="observe")
    name = "nodeprovisioners.compute.poolwright.dev"
    body = {"spec": {"existingInstanceGroupNames": ["nobody"]}}
    flow.there(lambda: flow.kubernetes(CLUSTER).patch(name, "l4", body))
    flow.begin()
    flow.publish("ticks", {})
    flow.pass_time(10)
    assert ours(flow) == []
    assert [each["what"] for each in stored(flow, "records") if each["kind"] == "capacity"] == ["refused"]


def test_what_would_be_changed_is_recorded_once_and_shown_as_the_reason(begin: Begin) -> None:
    flow = begin(mode="observe")
    released_only(flow, run_id=1)
    flow.begin()
    flow.pass_time(600)
    assert ours(flow) == []
    told = [each for each in stored(flow, "records") if each["kind"] == "mutation"]
    assert len(told) == len(groups(flow, L4))
    assert all(each["what"].startswith("would be put on template gke-") for each in told)
    assert {each["kind"] for each in stored(flow, "refusals")} == {"observe"}
