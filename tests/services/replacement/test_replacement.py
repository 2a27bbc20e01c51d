"""Nodes are replaced, given up and put back: the real adapters on the stand-in, in manual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from localcloud.kubernetes import ClusterApi
from poolwright.references import last_part
from tests.chaos.flows.world import (
    CLUSTER,
    L4,
    NAME,
    ZONES,
    budget,
    command,
    cordoned,
    forbid_evictions,
    groups,
    image,
    images_of_nodes,
    phase,
    reason,
    rollout,
    stored,
    table,
)  # fmt: skip
from tests.chaos.harness import Flow
from tests.services.replacement.conftest import Begin

Json = dict[str, Any]
REPLACE = {"nodePolicy": "replace", "maxUnavailable": 1, "drainSeconds": 3600}


def start(flow: Flow) -> None:
    image(flow, run_id=1)
    flow.begin()
    command(flow, "start")


def nodes(flow: Flow) -> dict[str, Json]:
    found = flow.there(lambda: flow.kubernetes(CLUSTER).list("nodes"))
    return {node["metadata"]["name"]: node for node in found}


def instance_ids(flow: Flow) -> dict[str, str]:
    return {
        name: node["metadata"]["annotations"]["container.googleapis.com/instance_id"]
        for name, node in nodes(flow).items()
    }


def zone_of(node: Json) -> str:
    return str(node["metadata"]["labels"]["topology.kubernetes.io/zone"])


def serves(node: Json) -> bool:
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in node["status"]["conditions"])
    has_gpus = node["status"]["allocatable"].get("nvidia.com/gpu", "0") != "0"
    return ready and has_gpus and not node["spec"].get("unschedulable")


def watched(flow: Flow, done: Callable[[], bool], *, least: int, most: int) -> Callable[[], bool]:
    """`done`, with a look at each group on the way: so many nodes serve at least, so many members at most."""

    def look() -> bool:
        there = nodes(flow)
        for group in groups(flow, L4):
            own = [node for name, node in there.items() if name.startswith(group["baseInstanceName"])]
            assert sum(map(serves, own)) >= least, (
                f"{group['name']}: {[n['metadata']['name'] for n in own if serves(n)]}"
            )
            assert int(group["targetSize"]) <= most
        return done()

    return look


def is_done(flow: Flow) -> Callable[[], bool]:
    return lambda: phase(flow, 1) == "done"


def targets(flow: Flow) -> list[str]:
    return [each["state"] for wave in rollout(flow, 1)["waves"] for each in wave["targets"]]


def bare_pod(api: ClusterApi, node: str) -> None:
    """A pod that no controller would start again."""
    spec = {
        "nodeName": node,
        "containers": [{"name": "main", "image": "notebook"}],
        "tolerations": [{"operator": "Exists"}],
    }
    api.create("pods", {"metadata": {"name": "notebook"}, "spec": spec}, "default")


def test_node_after_node_is_replaced_and_never_more_than_one_of_a_group_is_away(begin: Begin) -> None:
    with begin(rollout=REPLACE) as flow:
        flow.there(lambda: forbid_evictions(flow, "chat"))
        flow.there(lambda: budget(flow, "chat", at_least=3))
        flow.pass_time(30)
        before = instance_ids(flow)
        start(flow)
        flow.until(watched(flow, is_done(flow), least=1, most=2), what="the end of the rollout", minutes=90)
        assert images_of_nodes(flow) == {f"poolwright-{NAME}-1"}
        after = instance_ids(flow)
        assert after.keys() == before.keys(), "members keep their names"
        assert not set(after.values()) & set(before.values()), "and are other VMs"
        assert cordoned(flow) == 0
        assert [each["verdict"] for each in rollout(flow, 1)["waves"]] == ["passed", "passed"]


def test_with_a_surge_no_node_is_closed_before_another_serves_in_its_stead(begin: Begin) -> None:
    with begin(rollout={**REPLACE, "maxSurge": 1}) as flow:
        start(flow)
        flow.until(watched(flow, is_done(flow), least=2, most=3), what="the end of the rollout", minutes=120)
        assert images_of_nodes(flow) == {f"poolwright-{NAME}-1"}
        assert [int(group["targetSize"]) for group in groups(flow, L4)] == [2, 2]


def test_a_pod_that_nobody_would_start_again_stops_the_rollout_by_name_and_all_goes_back(begin: Begin) -> None:
    with begin(rollout={**REPLACE, "drainSeconds": 300}) as flow:
        held = next(name for name, node in sorted(nodes(flow).items()) if zone_of(node) == ZONES[0])  # the canary's
        flow.there(lambda: bare_pod(flow.kubernetes(CLUSTER), held))
        before = instance_ids(flow)
        start(flow)
        flow.until(lambda: phase(flow, 1) == "rolled back", what="the roll-back", minutes=90)
        assert "pod default/notebook has no controller" in reason(flow, 1)
        assert targets(flow) == ["rolled back", "waiting"]
        assert cordoned(flow) == 0
        assert f"poolwright-{NAME}-1" not in images_of_nodes(flow)
        after = instance_ids(flow)
        assert after[held] == before[held], "the node with the pod was left as it was"
        pods = flow.there(lambda: flow.kubernetes(CLUSTER).list("pods"))
        assert any(pod["metadata"]["name"] == "notebook" for pod in pods)


def test_a_broken_image_costs_one_node_which_is_put_back_on_gkes_template(begin: Begin) -> None:
    with begin(rollout={**REPLACE, "nodeReadySeconds": 300}) as flow:
        flow.there(lambda: table(flow, "gke.brokenImages").update({f"poolwright-{NAME}-1": "ready"}))
        before = instance_ids(flow)
        start(flow)
        flow.until(lambda: phase(flow, 1) == "rolled back", what="the roll-back", minutes=90)
        assert "is not Ready with its GPUs after 300 s" in reason(flow, 1)
        after = instance_ids(flow)
        assert after.keys() == before.keys()
        assert sum(after[name] != before[name] for name in after) == 1
        assert all(map(serves, nodes(flow).values()))
        assert f"poolwright-{NAME}-1" not in images_of_nodes(flow)


def test_a_pause_opens_what_is_in_hand_and_a_resume_goes_on(begin: Begin) -> None:
    with begin(rollout=REPLACE) as flow:
        flow.there(lambda: forbid_evictions(flow, "chat"))
        flow.pass_time(30)
        start(flow)
        flow.until(lambda: cordoned(flow) == 1, what="a cordoned node")
        command(flow, "pause")
        flow.until(lambda: cordoned(flow) == 0, what="the node opened again")
        flow.pass_time(400)
        assert cordoned(flow) == 0
        flow.there(lambda: budget(flow, "chat", at_least=3))
        command(flow, "resume")
        flow.until(is_done(flow), what="the end of the rollout", minutes=90)
        assert images_of_nodes(flow) == {f"poolwright-{NAME}-1"}


def test_what_was_decided_and_what_came_of_it_is_recorded_of_each_node(begin: Begin) -> None:
    with begin(rollout=REPLACE) as flow:
        start(flow)
        flow.until(is_done(flow), what="the end of the rollout", minutes=90)
        told = [each["what"] for each in stored(flow, "records") if each["kind"] == "replacement"]
        for name in nodes(flow):
            assert f"takes node {name} into hand, to empty and replace it" in told
            assert f"node {name} is made anew" in told
        assert len(told) == len(set(told)), "nothing twice"


@pytest.mark.parametrize("policy", [{}, {"nodePolicy": "new-nodes-only"}])
def test_without_that_policy_no_running_node_is_touched(begin: Begin, policy: Json) -> None:
    with begin(rollout=policy) as flow:
        before = instance_ids(flow)
        start(flow)
        flow.until(is_done(flow), what="the end of the rollout")
        assert instance_ids(flow) == before
        assert {last_part(name) for name in images_of_nodes(flow)} != {f"poolwright-{NAME}-1"}


def test_a_group_that_rolls_by_itself_is_only_watched(begin: Begin) -> None:
    with begin(rollout=REPLACE) as flow:
        for group in groups(flow, L4):
            group["updatePolicy"]["type"] = "PROACTIVE"
        before = instance_ids(flow)
        start(flow)
        flow.until(is_done(flow), what="the end of the rollout", minutes=90)
        assert images_of_nodes(flow) == {f"poolwright-{NAME}-1"}
        assert not set(instance_ids(flow).values()) & set(before.values())
        told = [each["what"] for each in stored(flow, "records") if each["kind"] == "replacement"]
        assert not told, "nothing was done by us"
