"""Capacity is taken away: which nodes, how gently, and that nothing closed is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from localcloud.kubernetes.controllers.kubelets import STOPPING_SECONDS
from poolwright.nodes import CORDONED_FOR, SAFE_TO_EVICT, Pod
from poolwright.references import GroupRef, PoolRef
from poolwright.services import leases
from tests.chaos.flows.world import CLUSTER, groups, scale, stored
from tests.chaos.harness import Flow
from tests.services.capacity.conftest import (
    PROVISIONERS,
    Begin,
    asked,
    change,
    look,
    members,
    records,
)

Json = dict[str, Any]
KEY = f"{CLUSTER}/nodeProvisioners/l4"
SHRINKING = {"minGPUUtilizationPercent": 60, "maxGPUUtilizationPercent": 90, "cooldowns": {"scaleDownSeconds": 0}}
PATIENT = {**SHRINKING, "drain": {"timeoutSeconds": 7200}}
LATER = {**SHRINKING, "cooldowns": {"scaleDownSeconds": 3600}}


def nodes(flow: Flow) -> dict[str, Json]:
    """The nodes of pool l4, by name."""
    found = flow.there(lambda: flow.kubernetes(CLUSTER).list("nodes"))
    return {each["metadata"]["name"]: each for each in found if "-l4-" in each["metadata"]["name"]}


def closed(flow: Flow) -> dict[str, str]:
    """Nodes that are closed for pods, and in whose name."""
    return {
        name: each["metadata"].get("annotations", {}).get(CORDONED_FOR, "")
        for name, each in nodes(flow).items()
        if each["spec"].get("unschedulable")
    }


def idle_node(flow: Flow) -> str:
    """The one without a pod with GPUs."""
    pods = flow.there(lambda: flow.kubernetes(CLUSTER).list("pods", labels="app=chat"))
    (idle,) = set(nodes(flow)) - {pod["spec"].get("nodeName") for pod in pods}
    return idle


def group(flow: Flow) -> GroupRef:
    (found,) = groups(flow, PoolRef(CLUSTER, "l4"))
    return GroupRef.parse(found["selfLink"])


def put_pod(flow: Flow, name: str, node: str, **said: Any) -> None:
    """A pod bound to a node: its `annotations`, whether it is `bare`, its `gpus` and what its spec says besides. Who
    controls it is somebody that makes no other."""
    annotations, bare = said.pop("annotations", {}), said.pop("bare", False)
    gpus = {"nvidia.com/gpu": str(said.pop("gpus"))} if "gpus" in said else {}
    owners = [] if bare else [controller(flow, name)]
    container = {"name": "main", "image": "i", "resources": {"limits": gpus, "requests": gpus}}
    body = {
        "metadata": {"name": name, "annotations": annotations, "labels": {"app": name}, "ownerReferences": owners},
        "spec": {"nodeName": node, "containers": [container], "tolerations": [{"operator": "Exists"}], **said},
    }
    flow.there(lambda: flow.kubernetes(CLUSTER).create("pods", body, "default"))


def controller(flow: Flow, name: str) -> Json:
    body = {"metadata": {"name": name}}
    made = flow.there(lambda: flow.kubernetes(CLUSTER).create("configmaps", body, "default"))
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": made["metadata"]["uid"], "controller": True}


def keep(flow: Flow, name: str) -> None:
    """A budget that keeps a pod where it is."""
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": name}}}
    body = {"metadata": {"name": name}, "spec": spec}
    flow.there(lambda: flow.kubernetes(CLUSTER).create("poddisruptionbudgets.policy", body, "default"))


def release(flow: Flow, name: str) -> None:
    """The budget allows it from now on."""
    flow.there(lambda: flow.kubernetes(CLUSTER).delete("poddisruptionbudgets.policy", name, "default"))


def begin_a_drain(begin: Begin, spec: Json = PATIENT, **environment: Any) -> tuple[Flow, str]:
    """One that a budget holds up: the node is closed, and its pod must not leave yet."""
    flow = begin(spec, **environment)
    idle = idle_node(flow)
    put_pod(flow, "web", idle)
    keep(flow, "web")
    flow.until(lambda: bool(closed(flow)), what="a node in hand")
    flow.pass_time(20)
    assert closed(flow) == {idle: KEY}
    return flow, idle


def test_an_idle_node_is_closed_then_deleted_by_its_name_and_the_busy_one_stays(begin: Begin) -> None:
    flow = begin(SHRINKING)
    idle, both = idle_node(flow), set(nodes(flow))
    look(flow, times=12)
    assert set(nodes(flow)) == both - {idle}
    assert set(members(flow, "l4")) == both - {idle}
    assert len(asked(flow, "DeleteInstances")) == 1
    assert records(flow) == [f"to drain and delete {idle}", f"drained and deleted {idle}"]
    assert not stored(flow, "leases")


def test_a_pod_leaves_when_its_budget_allows_and_the_node_waits_for_that(begin: Begin) -> None:
    flow, idle = begin_a_drain(begin)
    look(flow, times=20)
    assert closed(flow) == {idle: KEY}
    release(flow, "web")
    look(flow, times=20)
    assert idle not in nodes(flow)


@pytest.mark.slow
def test_an_instance_is_never_deleted_before_its_pods_had_their_time_to_end(begin: Begin) -> None:
    flow = begin(PATIENT)
    idle = idle_node(flow)
    put_pod(flow, "slow", idle, terminationGracePeriodSeconds=900, annotations={STOPPING_SECONDS: "900"})
    flow.until(lambda: bool(closed(flow)), what="a node in hand")
    left = flow.now() + 880
    while flow.now() < left:
        look(flow)
        assert idle in nodes(flow)
        assert not asked(flow, "DeleteInstances")
    look(flow, times=20)
    assert idle not in nodes(flow)


@pytest.mark.parametrize(
    ("pod", "allows"),
    [
        ({"annotations": {SAFE_TO_EVICT: "false"}}, None),
        ({"bare": True}, {"barePods": "evict"}),
        ({"volumes": [{"name": "v", "emptyDir": {}}]}, {"localStorage": "evict"}),
    ],
)
def test_a_node_with_a_pod_that_forbids_it_is_never_closed_unless_the_provisioner_allows_it(
    begin: Begin, pod: Json, allows: Json | None
) -> None:
    flow = begin(SHRINKING)
    idle = idle_node(flow)
    (busy,) = set(nodes(flow)) - {idle}
    put_pod(flow, "notebook", idle, **pod)
    put_pod(flow, "cache", busy, annotations={SAFE_TO_EVICT: "false"})
    for _ in range(10):
        look(flow)
        assert not closed(flow)
    assert idle in nodes(flow)
    if allows:
        change(flow, {"drain": allows})
        look(flow, times=15)
        assert idle not in nodes(flow)


def test_where_no_idle_node_may_go_a_busy_one_goes_whose_pods_find_room_elsewhere(begin: Begin) -> None:
    flow = begin(SHRINKING)
    idle = idle_node(flow)
    (busy,) = set(nodes(flow)) - {idle}
    put_pod(flow, "notebook", idle, annotations={SAFE_TO_EVICT: "false"})
    look(flow, times=15)
    assert set(nodes(flow)) == {idle}
    (chat,) = flow.there(lambda: flow.kubernetes(CLUSTER).list("pods", labels="app=chat"))
    assert chat["spec"]["nodeName"] == idle
    assert not asked(flow, "CreateInstances")
    assert f"drained and deleted {busy}" in records(flow)


def test_a_drain_that_does_not_end_in_time_is_given_up_and_not_begun_again_in_the_next_breath(begin: Begin) -> None:
    flow, idle = begin_a_drain(begin, {**LATER, "drain": {"timeoutSeconds": 120}})
    look(flow, times=20)
    assert not closed(flow)
    assert records(flow)[-2:] == [f"spares {idle}", f"has let {idle} go"]
    assert sum(each.startswith("to drain") for each in records(flow)) == 1
    assert idle in nodes(flow)
    release(flow, "web")
    flow.pass_time(3600)
    look(flow, times=15)
    assert idle not in nodes(flow)


def test_a_node_that_cannot_be_emptied_does_not_keep_the_others(begin: Begin) -> None:
    flow = begin({**SHRINKING, "minNodes": 3, "drain": {"timeoutSeconds": 120}})
    flow.until(lambda: len(nodes(flow)) == 3, what="three nodes")
    flow.pass_time(300)
    pods = flow.there(lambda: flow.kubernetes(CLUSTER).list("pods", labels="app=chat"))
    first, second = sorted(set(nodes(flow)) - {pod["spec"].get("nodeName") for pod in pods})
    put_pod(flow, "web", first)
    keep(flow, "web")
    put_pod(flow, "other", second)
    flow.pass_time(60)
    change(flow, {"minNodes": 1})
    flow.until(lambda: second not in nodes(flow), what="the other one gone")
    assert first in nodes(flow)
    assert f"spares {first}" in records(flow)


def test_a_node_that_gets_work_meanwhile_is_spared_and_the_record_says_why(begin: Begin) -> None:
    flow, idle = begin_a_drain(begin, {**LATER, "drain": {"timeoutSeconds": 7200}})
    put_pod(flow, "training", idle, gpus=1)
    look(flow, times=3)
    assert not closed(flow)
    (why,) = [each["why"] for each in stored(flow, "records") if each["what"] == f"spares {idle}"]
    assert "default/training came to work on its GPUs" in why
    release(flow, "web")
    look(flow, times=10)
    assert idle in nodes(flow)


def test_a_pod_that_was_placed_at_the_last_moment_keeps_its_node(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = begin(LATER)
    idle, api = idle_node(flow), flow.ports.clusters.kubernetes(CLUSTER)
    look_once_more = api.pods_on

    def placed(node: str) -> list[Pod]:
        monkeypatch.setattr(api, "pods_on", look_once_more)
        put_pod(flow, "training", node, gpus=1)
        return look_once_more(node)

    monkeypatch.setattr(api, "pods_on", placed)
    flow.until(lambda: f"spares {idle}" in records(flow), what="a spare")
    look(flow, times=3)
    assert not asked(flow, "DeleteInstances")
    assert not closed(flow)


def test_two_lists_of_pods_that_do_not_agree_are_looked_at_once_a_tick(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = begin(LATER)
    idle, api = idle_node(flow), flow.ports.clusters.kubernetes(CLUSTER)
    once_more: list[str] = []
    busy = next(pods for node in sorted(nodes(flow)) if (pods := api.pods_on(node)) and node != idle)

    def another(node: str) -> list[Pod]:
        once_more.append(node)
        assert len(once_more) < 100, "it spins"
        return busy

    monkeypatch.setattr(api, "pods_on", another)
    flow.pass_time(1200)
    assert idle in closed(flow)
    assert 0 < len(once_more) <= 1200 / 60
    assert not asked(flow, "DeleteInstances")


def test_a_node_in_hand_is_spared_for_pods_that_wait_for_gpus(begin: Begin) -> None:
    flow, idle = begin_a_drain(begin)
    flow.there(lambda: scale(flow, "chat", replicas=2))
    look(flow, times=4)
    assert not closed(flow)
    assert not asked(flow, "CreateInstances")
    pods = flow.there(lambda: flow.kubernetes(CLUSTER).list("pods", labels="app=chat"))
    assert idle in {pod["spec"].get("nodeName") for pod in pods}


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 1, 2])
def test_no_more_nodes_of_a_group_are_in_hand_than_may_be_away(begin: Begin, limit: int) -> None:
    flow = begin({"minNodes": 4}, rollout={"maxUnavailable": limit, "maxSurge": 1})
    flow.until(lambda: len(nodes(flow)) == 4, what="four nodes")
    flow.pass_time(600)
    change(flow, {**SHRINKING, "minNodes": 1})
    most = 0
    for _ in range(60):
        look(flow)
        most = max(most, len(closed(flow)))
    assert most == max(1, limit)
    assert len(nodes(flow)) == 1


def delete_provisioner(flow: Flow) -> None:
    flow.there(lambda: flow.kubernetes(CLUSTER).delete(PROVISIONERS, "l4"))


def name_another_group(flow: Flow) -> None:
    (other,) = groups(flow, PoolRef(CLUSTER, "spare"))
    change(flow, {"existingInstanceGroupNames": [other["name"]]})


def name_no_group_there_is(flow: Flow) -> None:
    change(flow, {"existingInstanceGroupNames": ["gke-serving-gone-00000000-grp"]})


@pytest.mark.parametrize(
    "act",
    [
        delete_provisioner,
        name_another_group,
        name_no_group_there_is,
        lambda flow: change(flow, {"mode": "offer"}),
        lambda flow: change(flow, {"mode": "observe"}),
    ],
    ids=["provisioner deleted", "group removed", "refused", "mode offer", "mode observe"],
)
def test_whatever_ends_a_drain_the_node_is_opened_again(begin: Begin, act: Callable[[Flow], None]) -> None:
    flow, idle = begin_a_drain(begin)
    act(flow)
    look(flow, times=3)
    assert not closed(flow)
    assert f"spares {idle}" in records(flow)
    (memory,) = stored(flow, "provisioners")
    assert not memory["drains"]
    leases.take(flow.ports, leases.of_group(group(flow)), holder="a rollout", seconds=60)  # it is nobody's any more


def test_a_closed_node_is_opened_again_though_all_is_forgotten(begin: Begin) -> None:
    flow, idle = begin_a_drain(begin)
    change(flow, {"minNodes": 2})
    memory = flow.ports.store.get("provisioners", KEY)
    assert memory is not None
    flow.ports.store.delete("provisioners", KEY, version=memory.version)
    look(flow, times=3)
    assert not closed(flow)
    said = sorted(each["what"] for each in stored(flow, "records") if each["kind"] == "state")
    assert said == [f"{idle} is open again", f"to open {idle} again"]


def test_a_node_that_somebody_opens_is_spared_and_one_that_somebody_closes_is_left_alone(begin: Begin) -> None:
    flow, idle = begin_a_drain(begin, {**LATER, "drain": {"timeoutSeconds": 7200}})

    def say(unschedulable: bool) -> None:
        flow.there(lambda: flow.kubernetes(CLUSTER).patch("nodes", idle, {"spec": {"unschedulable": unschedulable}}))

    say(False)
    look(flow, times=3)
    assert records(flow)[-2:] == [f"spares {idle}", f"has let {idle} go"]
    assert CORDONED_FOR not in nodes(flow)[idle]["metadata"].get("annotations", {})
    say(True)
    flow.pass_time(3700)
    look(flow, times=10)
    assert closed(flow) == {idle: ""}


def test_while_somebody_else_has_the_group_nothing_is_begun_and_afterwards_it_is(begin: Begin) -> None:
    flow = begin(SHRINKING)
    idle, lease = idle_node(flow), leases.of_group(group(flow))
    leases.take(flow.ports, lease, holder="dev-7", seconds=3600)
    look(flow, times=5)
    assert not closed(flow)
    assert not records(flow)
    leases.give_back(flow.ports, lease, holder="dev-7")
    look(flow, times=12)
    assert idle not in nodes(flow)


def test_who_asks_for_the_group_while_a_node_is_in_hand_comes_before_the_next_node(begin: Begin) -> None:
    flow = begin({"minNodes": 3})
    flow.until(lambda: len(nodes(flow)) == 3, what="three nodes")
    flow.pass_time(600)
    change(flow, {**PATIENT, "minNodes": 1})
    flow.until(lambda: bool(closed(flow)), what="a node in hand")
    with pytest.raises(leases.Held):
        leases.take(flow.ports, leases.of_group(group(flow)), holder="dev-7", seconds=60)
    flow.until(lambda: len(nodes(flow)) == 2, what="the first node gone")
    ended = flow.now()
    look(flow, times=4)
    leases.take(flow.ports, leases.of_group(group(flow)), holder="dev-7", seconds=60)
    flow.until(lambda: len(nodes(flow)) == 1, what="the second node gone")
    assert flow.now() - ended >= 100


def test_a_drain_that_the_previous_release_began_is_finished(begin: Begin) -> None:
    flow = begin({**SHRINKING, "minNodes": 2})
    idle, now = idle_node(flow), flow.now()
    drain = {
        "node": idle,
        "group": group(flow).name,
        "began": now,
        "reason": "GPU utilization is 10 %",
        "deleting": False,
    }
    body = {"schema": 1, "sequence": 4, "changed_at": now, "growth": None, "drain": drain}
    flow.ports.store.put("provisioners", KEY, body, version=None)
    look(flow, times=2)
    change(flow, {"minNodes": 1})
    look(flow, times=12)
    assert idle not in nodes(flow)
    (memory,) = stored(flow, "provisioners")
    assert (memory["schema"], memory["drains"], memory["sequence"]) == (2, [], 4)


def test_a_node_that_was_chosen_long_ago_and_never_closed_is_spared(begin: Begin) -> None:
    flow = begin({**SHRINKING, "minNodes": 2})
    idle = idle_node(flow)
    drain = {
        "node": idle, "group": group(flow).name, "place": str(group(flow)), "turn": 1, "began": flow.now() - 9000,
        "reason": "it idled then",
    }  # fmt: skip
    flow.ports.store.put("provisioners", KEY, {"schema": 2, "sequence": 1, "drains": [drain]}, version=None)
    look(flow, times=4)
    assert records(flow) == [f"spares {idle}", f"has let {idle} go"]
    assert not closed(flow)
    assert idle in nodes(flow)


def test_what_was_asked_for_by_somebody_who_died_is_recorded_and_not_asked_for_twice(begin: Begin) -> None:
    flow = begin({**SHRINKING, "minNodes": 2})
    idle, now = idle_node(flow), flow.now()
    drain = {
        "node": idle, "group": group(flow).name, "place": str(group(flow)), "turn": 1, "began": now,
        "reason": "it idles", "deleting": True,
    }  # fmt: skip
    flow.ports.store.put("provisioners", KEY, {"schema": 2, "sequence": 1, "drains": [drain]}, version=None)
    look(flow, times=12)
    assert records(flow).count(f"drained and deleted {idle}") == 1
    assert len(asked(flow, "DeleteInstances")) == 1
