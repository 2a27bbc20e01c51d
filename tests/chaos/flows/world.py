"""What flows are told in: what people and workloads do, and what is seen of it without a call."""

from __future__ import annotations

from typing import Any

from poolwright.boot_images.mutation import run_id_of
from poolwright.references import ClusterRef, GroupRef, PoolRef, last_part
from poolwright.services import released
from tests.chaos.harness import Flow, Json

PROJECT, NAME = "chaos-gpu", "chaos"
CLUSTER = ClusterRef(PROJECT, "us-central1", "serving")
L4 = PoolRef(CLUSTER, "l4")
ZONES = ("us-central1-a", "us-central1-b", "us-central1-c")
GKE, CLOUD_BUILD = "container.googleapis.com", "cloudbuild.googleapis.com"
MANAGER, BUILDS = "google.container.v1.ClusterManager", "google.devtools.cloudbuild.v1.CloudBuild"


# What people do


def build(flow: Flow, *, run_id: int) -> None:
    build = {
        "steps": [{"name": "packer", "args": ["build", "."]}],
        "tags": ["boot-image", NAME],
        "substitutions": {"_ENV": NAME, "_RUN_ID": str(run_id), "_SOURCE_IMAGE": base_image(flow)},
        "serviceAccount": f"projects/{PROJECT}/serviceAccounts/image-builder@{PROJECT}.iam.gserviceaccount.com",
        "options": {"logging": "CLOUD_LOGGING_ONLY", "substitutionOption": "ALLOW_LOOSE"},
    }
    flow.ask(CLOUD_BUILD, f"{BUILDS}.CreateBuild", projectId=PROJECT, build=build)


def upgrade(flow: Flow, *, of_the_master: float = 60) -> None:
    """GKE takes the pool to its next minor version, and to another base image; so many seconds are the master's."""
    now = flow.ask(GKE, f"{MANAGER}.GetNodePool", name=str(L4))["version"]
    offered = flow.ask(GKE, f"{MANAGER}.GetServerConfig", name=f"projects/{PROJECT}/locations/us-central1")
    newer = min(each for each in offered["validNodeVersions"] if minor(each) > minor(now))
    flow.ask(GKE, f"{MANAGER}.UpdateMaster", name=str(CLUSTER), masterVersion=newer)
    flow.pass_time(of_the_master)
    flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), nodeVersion=newer, imageType="COS_CONTAINERD")


def command(flow: Flow, action: str) -> None:
    flow.publish("rollout-commands", {"action": action, "environment": NAME, "requester": "somebody"})


def image(flow: Flow, *, run_id: int) -> str:
    """An image that was built earlier."""
    name, source = f"poolwright-{NAME}-{run_id}", base_image(flow)
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


def release(flow: Flow, *, run_id: int) -> None:
    """All groups on an image that was rolled out earlier."""
    released.release(flow.ports, NAME, run_id=run_id, image=image(flow, run_id=run_id), groups=[])
    flow.publish("ticks", {})
    flow.until(lambda: runs(flow, L4) == {run_id}, what="all groups on the image")


def scale(flow: Flow, deployment: str, *, replicas: int) -> None:
    api = flow.kubernetes(CLUSTER)
    api.patch("deployments.apps", deployment, {"spec": {"replicas": replicas}}, "default")


def keep_busy(flow: Flow, deployment: str, *, percent: int) -> None:
    api = flow.kubernetes(CLUSTER)
    body = {"metadata": {"annotations": {"localcloud.poolwright.dev/duty-cycle": str(percent)}}}
    for pod in api.list("pods", labels=f"app={deployment}"):
        api.patch("pods", pod["metadata"]["name"], body, "default")


def deploy_web(flow: Flow) -> None:
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
    forbid_evictions(flow, "web")


def forbid_evictions(flow: Flow, deployment: str) -> None:
    """A budget under which none of the pods of a deployment may be evicted."""
    api = flow.kubernetes(CLUSTER)
    count = api.get("deployments.apps", deployment, "default")["spec"]["replicas"]
    spec = {"minAvailable": count, "selector": {"matchLabels": {"app": deployment}}}
    api.create("poddisruptionbudgets.policy", {"metadata": {"name": deployment}, "spec": spec}, "default")


def budget(flow: Flow, name: str, *, at_least: int) -> None:
    """So many pods must be there from now on."""
    flow.kubernetes(CLUSTER).patch("poddisruptionbudgets.policy", name, {"spec": {"minAvailable": at_least}}, "default")


# What is seen, without a call


def table(flow: Flow, name: str) -> dict[str, Any]:
    return flow.stack.world.table(name)


def groups(flow: Flow, pool: PoolRef) -> list[Json]:
    row = table(flow, "gke.nodePools").get(str(pool), {"_groups": []})
    managers = table(flow, "compute.instanceGroupManagers")
    refs = [GroupRef(PROJECT, each["zone"], each["name"]) for each in row["_groups"]]
    return [managers[str(each)] for each in refs]


def templates(flow: Flow, pool: PoolRef) -> set[str]:
    return {last_part(each["instanceTemplate"]) for each in groups(flow, pool)}


def runs(flow: Flow, pool: PoolRef) -> set[int | None]:
    """The runs that a pool's groups are on; None for GKE's own templates."""
    return {run_id_of(each) for each in templates(flow, pool)}


def size(flow: Flow) -> int:
    return sum(int(each["targetSize"]) for each in groups(flow, L4))


def sizes(flow: Flow, pool: PoolRef) -> list[int]:
    """Of a pool's groups, in their order."""
    return [int(each["targetSize"]) for each in groups(flow, pool)]


def waiting(flow: Flow) -> list[str]:
    """Pods that have no node."""
    pods = flow.there(lambda: flow.kubernetes(CLUSTER).list("pods"))
    return [each["metadata"]["name"] for each in pods if not each["spec"].get("nodeName")]


def base_image(flow: Flow) -> str:
    """What GKE's own templates of the pool boot."""
    found = [each for each in table(flow, "compute.instanceTemplates").values() if run_id_of(each["name"]) is None]
    disks = max(found, key=lambda each: each["creationTimestamp"])["properties"]["disks"]
    return str(next(each for each in disks if each["boot"])["initializeParams"]["sourceImage"])


def cordoned(flow: Flow) -> int:
    nodes = flow.there(lambda: flow.kubernetes(CLUSTER).list("nodes"))
    return sum(bool(each["spec"].get("unschedulable")) for each in nodes)


def made_by_us(flow: Flow) -> set[str]:
    """Our templates, whether or not something points at them."""
    names = {str(each["name"]) for each in table(flow, "compute.instanceTemplates").values()}
    return {name for name in names if run_id_of(name) is not None}


def images_of_ours(flow: Flow) -> set[str]:
    names = {str(each["name"]) for each in table(flow, "compute.images").values()}
    return {name for name in names if name.startswith("poolwright-")}


def images_of_nodes(flow: Flow) -> set[str]:
    """What the instances' boot disks were made from."""
    return {last_part(each["sourceImage"]) for each in table(flow, "compute.disks").values()}


def stored(flow: Flow, collection: str) -> list[Json]:
    return [each.body for each in flow.ports.store.all(collection)]


def rollout(flow: Flow, run_id: int) -> Json:
    stored = flow.ports.store.get("rollouts", f"{NAME}-{run_id}")
    return stored.body if stored else {}


def phase(flow: Flow, run_id: int) -> str:
    return str(rollout(flow, run_id).get("phase", ""))


def reason(flow: Flow, run_id: int) -> str:
    return str(rollout(flow, run_id).get("reason", ""))


def minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2])
