"""The flows: what people, workloads and GKE do, and what must have come of it. Poolwright does the rest.

A flow first makes its world ready, says `begin`, then acts. Every message from there on is one that chaos may strike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from poolwright.boot_images.mutation import run_id_of
from poolwright.references import ClusterRef, GroupRef, PoolRef, last_part
from poolwright.services import released
from tests.chaos.harness import Flow, Json

PROJECT, NAME = "chaos-gpu", "chaos"
CLUSTER = ClusterRef(PROJECT, "us-central1", "serving")
L4 = PoolRef(CLUSTER, "l4")
GKE, CLOUD_BUILD = "container.googleapis.com", "cloudbuild.googleapis.com"
MANAGER, BUILDS = "google.container.v1.ClusterManager", "google.devtools.cloudbuild.v1.CloudBuild"


@dataclass(frozen=True)
class Story:
    """A flow by its name, in the world of that name."""

    name: str
    world: str
    play: Callable[[Flow], None]


def an_image_is_built(flow: Flow) -> None:
    """A build ends well: its image goes out, canary first, until all groups are on it."""
    flow.begin()
    _build(flow, run_id=1)
    flow.until(lambda: _phase(flow, 1) == "done", what="the end of the rollout")


def an_image_is_broken(flow: Flow) -> None:
    """Nodes of the new image never turn Ready: the gate fails, and what was changed goes back."""
    flow.there(lambda: flow.stack.world.table("gke.brokenImages").update({f"poolwright-{NAME}-1": "ready"}))
    flow.begin()
    _build(flow, run_id=1)
    flow.until(lambda: _phase(flow, 1) == "rolled back", what="the roll-back")


def a_pool_is_created(flow: Flow) -> None:
    """GKE finishes a new pool: its groups are on the released image."""
    _release(flow, run_id=1)
    flow.begin()
    model = flow.ask(GKE, f"{MANAGER}.GetNodePool", name=str(L4))
    fresh = {"name": "fresh", "initialNodeCount": 0, "locations": model["locations"][:2], "version": model["version"]}
    fresh["config"] = {"machineType": model["config"]["machineType"], "imageType": model["config"]["imageType"]}
    fresh["config"]["accelerators"] = model["config"]["accelerators"]
    flow.ask(GKE, f"{MANAGER}.CreateNodePool", parent=str(CLUSTER), nodePool=fresh)
    flow.until(lambda: _runs(flow, PoolRef(CLUSTER, "fresh")) == {1}, what="the new pool on the image")


def a_pool_is_changed(flow: Flow) -> None:
    """GKE issues new templates on the same base image: that is drift, and ours are made anew."""
    _release(flow, run_id=1)
    flow.begin()
    before = _templates(flow, L4)
    flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), labels={"labels": {"team": "chaos"}})
    flow.until(
        lambda: _runs(flow, L4) == {1} and not before & _templates(flow, L4), what="our templates on the new ones"
    )


def a_pool_is_upgraded(flow: Flow) -> None:
    """GKE moves a pool to another base image: ours does not fit any more and is refused, once a group."""
    _release(flow, run_id=1)
    flow.begin()
    now = flow.ask(GKE, f"{MANAGER}.GetNodePool", name=str(L4))["version"]
    offered = flow.ask(GKE, f"{MANAGER}.GetServerConfig", name=f"projects/{PROJECT}/locations/us-central1")
    newer = min(each for each in offered["validNodeVersions"] if _minor(each) > _minor(now))
    flow.ask(GKE, f"{MANAGER}.UpdateMaster", name=str(CLUSTER), masterVersion=newer)
    flow.pass_time(60)
    flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), nodeVersion=newer, imageType="COS_CONTAINERD")
    flow.until(lambda: [each["kind"] for each in _stored(flow, "refusals")] == ["skew"] * 3, what="three refusals")


def a_person_rolls_back(flow: Flow) -> None:
    """Start, pause, resume, and when it is done: roll back."""
    _image(flow, run_id=1)
    flow.begin()
    _command(flow, "start")
    flow.until(lambda: _phase(flow, 1) == "baking", what="the canary's bake")
    _command(flow, "pause")
    flow.until(lambda: bool(_rollout(flow, 1)["paused"]), what="the pause")
    flow.pass_time(90)
    _command(flow, "resume")
    flow.until(lambda: _phase(flow, 1) == "done", what="the end of the rollout")
    _command(flow, "rollback")
    flow.until(lambda: _phase(flow, 1) == "rolled back", what="the roll-back")


def a_person_aborts(flow: Flow) -> None:
    """Start, and when the canary bakes: abort."""
    _image(flow, run_id=1)
    flow.begin()
    _command(flow, "start")
    flow.until(lambda: _phase(flow, 1) == "baking", what="the canary's bake")
    _command(flow, "abort")
    flow.until(lambda: _phase(flow, 1) == "aborted", what="the abort")


def load_comes(flow: Flow) -> None:
    """The GPUs are too busy: an incident opens, and the provisioner's group grows."""
    flow.there(lambda: _scale(flow, "chat", replicas=2))
    flow.pass_time(60)
    flow.begin()
    flow.there(lambda: _keep_busy(flow, "chat", percent=95))
    flow.until(lambda: _size(flow) == 3, what="a third node")


def load_goes(flow: Flow) -> None:
    """A GPU idles: an incident opens; its node is cordoned, emptied as its pods' budget allows, and deleted."""
    flow.there(lambda: _deploy_web(flow))
    flow.pass_time(60)
    flow.begin()
    flow.there(lambda: _keep_busy(flow, "chat", percent=10))
    flow.until(lambda: _cordoned(flow) == 1, what="a cordoned node")
    flow.pass_time(30)
    flow.there(lambda: _let_go(flow))
    flow.until(lambda: _size(flow) == 1, what="one node less")


STORIES = (
    Story("an image is built", "rollouts", an_image_is_built),
    Story("an image is broken", "rollouts", an_image_is_broken),
    Story("a pool is created", "rollouts", a_pool_is_created),
    Story("a pool is changed", "rollouts", a_pool_is_changed),
    Story("a pool is upgraded", "rollouts", a_pool_is_upgraded),
    Story("a person rolls back", "rollouts", a_person_rolls_back),
    Story("a person aborts", "rollouts", a_person_aborts),
    Story("load comes", "capacity", load_comes),
    Story("load goes", "capacity", load_goes),
)


# What people do


def _build(flow: Flow, *, run_id: int) -> None:
    build = {
        "steps": [{"name": "packer", "args": ["build", "."]}],
        "tags": ["boot-image", NAME],
        "substitutions": {"_ENV": NAME, "_RUN_ID": str(run_id), "_SOURCE_IMAGE": _base_image(flow)},
        "serviceAccount": f"projects/{PROJECT}/serviceAccounts/image-builder@{PROJECT}.iam.gserviceaccount.com",
        "options": {"logging": "CLOUD_LOGGING_ONLY", "substitutionOption": "ALLOW_LOOSE"},
    }
    flow.ask(CLOUD_BUILD, f"{BUILDS}.CreateBuild", projectId=PROJECT, build=build)


def _command(flow: Flow, action: str) -> None:
    flow.publish("rollout-commands", {"action": action, "environment": NAME, "requester": "somebody"})


def _image(flow: Flow, *, run_id: int) -> str:
    """An image that was built earlier."""
    name, source = f"poolwright-{NAME}-{run_id}", _base_image(flow)
    body = {
        "name": name,
        "family": f"poolwright-{NAME}",
        "labels": {
            "poolwright-environment": NAME,
            "poolwright-run-id": str(run_id),
            "poolwright-source-image": last_part(source),
        },
        "diskSizeGb": "100",
        "sourceImage": source,
    }
    flow.there(lambda: flow.stack.compute.insert_image(body))
    return name


def _release(flow: Flow, *, run_id: int) -> None:
    """All groups on an image that was rolled out earlier."""
    released.release(flow.ports, NAME, run_id=run_id, image=_image(flow, run_id=run_id), groups=[])
    flow.publish("ticks", {})
    flow.until(lambda: _runs(flow, L4) == {run_id}, what="all groups on the image")


def _scale(flow: Flow, deployment: str, *, replicas: int) -> None:
    api = flow.kubernetes(CLUSTER)
    api.patch("deployments.apps", deployment, {"spec": {"replicas": replicas}}, "default")


def _keep_busy(flow: Flow, deployment: str, *, percent: int) -> None:
    api = flow.kubernetes(CLUSTER)
    body = {"metadata": {"annotations": {"localcloud.poolwright.dev/duty-cycle": str(percent)}}}
    for pod in api.list("pods", labels=f"app={deployment}"):
        api.patch("pods", pod["metadata"]["name"], body, "default")


def _deploy_web(flow: Flow) -> None:
    """Two pods without GPUs, spread over the nodes, with a budget that forbids to evict either."""
    labels = {"app": "web"}
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    pod = {
        "metadata": {"labels": labels},
        "spec": {
            "containers": [{"name": "main", "image": "nginx"}],
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "topologySpreadConstraints": [spread],
        },
    }
    api = flow.kubernetes(CLUSTER)
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod}
    api.create("deployments.apps", {"metadata": {"name": "web"}, "spec": spec}, "default")
    budget = {"metadata": {"name": "web"}, "spec": {"minAvailable": 2, "selector": {"matchLabels": labels}}}
    api.create("poddisruptionbudgets.policy", budget, "default")


def _let_go(flow: Flow) -> None:
    api = flow.kubernetes(CLUSTER)
    api.patch("poddisruptionbudgets.policy", "web", {"spec": {"minAvailable": 1}}, "default")


# What is seen, without a call


def _table(flow: Flow, name: str) -> dict[str, Any]:
    return flow.stack.world.table(name)


def _groups(flow: Flow, pool: PoolRef) -> list[Json]:
    row = _table(flow, "gke.nodePools").get(str(pool), {"_groups": []})
    managers = _table(flow, "compute.instanceGroupManagers")
    refs = [GroupRef(PROJECT, each["zone"], each["name"]) for each in row["_groups"]]
    return [managers[str(each)] for each in refs]


def _templates(flow: Flow, pool: PoolRef) -> set[str]:
    return {last_part(each["instanceTemplate"]) for each in _groups(flow, pool)}


def _runs(flow: Flow, pool: PoolRef) -> set[int | None]:
    """The runs that a pool's groups are on; None for GKE's own templates."""
    return {run_id_of(each) for each in _templates(flow, pool)}


def _size(flow: Flow) -> int:
    return sum(int(each["targetSize"]) for each in _groups(flow, L4))


def _base_image(flow: Flow) -> str:
    template = _table(flow, "compute.instanceTemplates")[
        _groups(flow, L4)[0]["instanceTemplate"].partition("/compute/v1/")[2]
    ]
    boot = next(each for each in template["properties"]["disks"] if each["boot"])
    return str(boot["initializeParams"]["sourceImage"])


def _cordoned(flow: Flow) -> int:
    nodes = flow.there(lambda: flow.kubernetes(CLUSTER).list("nodes"))
    return sum(bool(each["spec"].get("unschedulable")) for each in nodes)


def _stored(flow: Flow, collection: str) -> list[Json]:
    return [each.body for each in flow.ports.store.all(collection)]


def _rollout(flow: Flow, run_id: int) -> Json:
    stored = flow.ports.store.get("rollouts", f"{NAME}-{run_id}")
    return stored.body if stored else {}


def _phase(flow: Flow, run_id: int) -> str:
    return str(_rollout(flow, run_id).get("phase", ""))


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
