"""Load comes and goes."""

from __future__ import annotations

from tests.chaos.flows.story import Story
from tests.chaos.flows.world import (
    CLUSTER,
    L4,
    budget,
    cordoned,
    deploy_web,
    keep_busy,
    scale,
    size,
    sizes,
    stored,
    waiting,
)
from tests.chaos.harness import Flow, Json

PROVISIONERS = "nodeprovisioners.compute.poolwright.dev"


def load_comes(flow: Flow) -> None:
    """The GPUs are too busy: an incident opens, and the provisioner's group grows."""
    flow.there(lambda: scale(flow, "chat", replicas=2))
    flow.pass_time(60)
    flow.begin()
    flow.there(lambda: keep_busy(flow, "chat", percent=95))
    flow.until(lambda: size(flow) == 3, what="a third node")


def a_group_is_dry(flow: Flow) -> None:
    """Pods wait, and the zone of the first group has nothing left: the other group grows."""
    flow.there(lambda: flow.stack.world.table("compute.stock").update({"us-central1-a": {"nvidia-l4": 1}}))
    flow.begin()
    flow.there(lambda: scale(flow, "chat", replicas=3))
    flow.until(lambda: sizes(flow, L4) == [1, 2] and not waiting(flow), what="a node in the other zone")


def load_goes(flow: Flow) -> None:
    """A GPU idles: an incident opens; its node is cordoned, emptied as its pods' budget allows, and deleted."""
    flow.there(lambda: deploy_web(flow))
    flow.pass_time(60)
    flow.begin()
    flow.there(lambda: keep_busy(flow, "chat", percent=10))
    flow.until(lambda: cordoned(flow) == 1, what="a cordoned node")
    flow.pass_time(30)
    flow.there(lambda: budget(flow, "web", at_least=1))
    flow.until(lambda: size(flow) == 1, what="one node less")


def a_drain_is_given_up(flow: Flow) -> None:
    """The budget allows nobody to leave: when the drain's time is over the node is open again, and so it stays, since
    the other one is busy by then."""
    flow.there(lambda: deploy_web(flow))
    change(flow, {"drain": {"timeoutSeconds": 240}})
    flow.pass_time(60)
    flow.begin()
    flow.there(lambda: keep_busy(flow, "chat", percent=10))
    flow.until(lambda: cordoned(flow) == 1, what="a cordoned node")
    flow.there(lambda: keep_busy(flow, "chat", percent=70))
    flow.until(lambda: cordoned(flow) == 0, what="a node that is open again")


def a_node_gets_work(flow: Flow) -> None:
    """While a node is emptied a pod comes to it and takes its GPU: it is spared."""
    flow.there(lambda: deploy_web(flow))
    flow.pass_time(60)
    flow.begin()
    flow.there(lambda: keep_busy(flow, "chat", percent=10))
    flow.until(lambda: asked_to_leave(flow), what="a pod that was asked to leave")
    flow.there(lambda: come_to_the_cordoned_node(flow))
    flow.until(lambda: cordoned(flow) == 0, what="a node that is open again")


def a_node_is_suspended(flow: Flow) -> None:
    """Its ConfigMap says DrainAndSuspend: it is emptied and left alone, until the ConfigMap is gone."""
    flow.begin()
    name = flow.there(lambda: suspend_the_idle_node(flow))
    flow.until(lambda: cordoned(flow) == 1, what="a cordoned node")
    flow.pass_time(200)
    flow.there(lambda: flow.kubernetes(CLUSTER).delete("configmaps", f"poolwright-node-{name}", "poolwright"))
    flow.until(lambda: cordoned(flow) == 0, what="a node that is open again")


def change(flow: Flow, spec: Json) -> None:
    """Somebody edits the provisioner."""
    flow.there(lambda: flow.kubernetes(CLUSTER).patch(PROVISIONERS, "l4", {"spec": spec}))


def asked_to_leave(flow: Flow) -> bool:
    """Whether it is on record that a pod was asked to."""
    return any(each["what"].startswith("asks pods") for each in stored(flow, "records"))


def come_to_the_cordoned_node(flow: Flow) -> None:
    """A pod that says where it goes, past the scheduler."""
    api = flow.kubernetes(CLUSTER)
    (node,) = [each["metadata"]["name"] for each in api.list("nodes") if each["spec"].get("unschedulable")]
    container = {"name": "main", "image": "model:1", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    busy = {"localcloud.poolwright.dev/duty-cycle": "90"}
    body = {"metadata": {"name": "urgent", "annotations": busy}, "spec": {"containers": [container], "nodeName": node}}
    api.create("pods", body, "default")


def suspend_the_idle_node(flow: Flow) -> str:
    """Its name."""
    api = flow.kubernetes(CLUSTER)
    busy = {each["spec"].get("nodeName") for each in api.list("pods", labels="app=chat")}
    name = str(next(each["metadata"]["name"] for each in api.list("nodes") if each["metadata"]["name"] not in busy))
    api.create("namespaces", {"metadata": {"name": "poolwright"}})
    word = {"metadata": {"name": f"poolwright-node-{name}"}, "data": {"STATE": "DrainAndSuspend"}}
    api.create("configmaps", word, "poolwright")
    return name


STORIES = (
    Story("load comes", "capacity", load_comes),
    Story("a group is dry", "stockouts", a_group_is_dry, tries=True, tried_anew=True),
    Story("load goes", "capacity", load_goes),
    Story("a drain is given up", "capacity", a_drain_is_given_up),
    Story("a node gets work", "capacity", a_node_gets_work),
    Story("a node is suspended", "capacity", a_node_is_suspended),
)
