"""A stand-in with all that Terraform makes, and ways to break one thing of it: what the doctor is tried on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localcloud import deployed, resource_manager
from localcloud.deployment import DEAD_LETTERS, FUNCTIONS, SUBSCRIPTIONS
from localcloud.faults import Fault
from localcloud.stack import Stack
from localcloud.world import World
from tests.chaos.ground import _end_connections
from tests.chaos.harness import EventLoop

Json = dict[str, Any]
Change = Callable[["Deployment"], Any]
WORLD = Path(__file__).resolve().parents[2] / "localcloud" / "worlds" / "small.yaml"
PROJECT, NUMBER = "acme-gpu", "314159265358"
SERVING = f"projects/{PROJECT}/locations/us-central1/clusters/serving"
TRAINING = f"projects/{PROJECT}/locations/us-east4/clusters/training"
STEP = f"poolwright-step@{PROJECT}.iam.gserviceaccount.com"
NODES = f"{NUMBER}-compute@developer.gserviceaccount.com"
JOB = f"projects/{PROJECT}/locations/us-central1/jobs/poolwright-tick"
PROVISIONERS = "nodeprovisioners.compute.poolwright.dev"
ENVIRONMENT: Json = {
    "name": "demo",
    "project": PROJECT,
    "mode": "act",
    "clusters": [{"name": "serving", "location": "us-central1"}, {"name": "training", "location": "us-east4"}],
    "buildServiceAccount": f"image-builder@{PROJECT}.iam.gserviceaccount.com",
}
IMAGE: Json = {
    "name": "poolwright-demo-1",
    "family": "poolwright-demo",
    "diskSizeGb": "100",
    "architecture": "X86_64",
    "guestOsFeatures": [{"type": "UEFI_COMPATIBLE"}],
    "labels": {
        "poolwright-environment": "demo",
        "poolwright-run-id": "1",
        "poolwright-source-image": "gke-1335-gke1080000-cos-121-18867-199-88-c-pre",
    },
}


class Deployment:
    """A stand-in with all that Terraform makes, put back to that before each test."""

    def __init__(self, folder: Path) -> None:
        self.loop = EventLoop()
        self.stack = self.loop.call(
            lambda: Stack(
                folder=folder, state=WORLD, manual=True, pubsub="embedded", firestore="embedded", deliver=_take
            )
        )
        self.env = dict(self.loop.run(self.stack.start()).env)
        del self.env["GOOGLE_APPLICATION_CREDENTIALS"]
        self.loop.call(self._deploy)
        self._beginning = self.loop.call(lambda: copy.deepcopy(self.world.tables))

    @property
    def world(self) -> World:
        """What a test may change, in the stand-in's own thread."""
        return self.stack.world

    def go_back(self) -> None:
        """Everything as Terraform left it."""
        self.loop.call(self._go_back)

    def close(self) -> None:
        """End it."""
        self.loop.run(self.stack.stop())
        self.loop.run(_end_connections())
        self.loop.stop()

    def _go_back(self) -> None:
        self.world.tables.clear()
        self.world.tables.update(copy.deepcopy(self._beginning))
        self.world.faults.clear()
        self.world.calls.clear()
        planes = self.stack.gke.planes
        planes.apis.clear()
        for cluster in self.stack.gke.state.clusters.values():
            planes.start(cluster)

    def _deploy(self) -> None:
        pubsub = self.stack.pubsub
        assert pubsub is not None
        for topic in sorted({each.topic for each in SUBSCRIPTIONS} | {DEAD_LETTERS}):
            pubsub.create_topic(topic)
        dead_letters = {"deadLetterTopic": f"projects/{PROJECT}/topics/{DEAD_LETTERS}", "maxDeliveryAttempts": 20}
        pubsub.create_subscription(DEAD_LETTERS, topic=DEAD_LETTERS, expirationPolicy={})
        for each in SUBSCRIPTIONS:
            pubsub.create_subscription(
                each.name, topic=each.topic, ackDeadlineSeconds=90, expirationPolicy={}, filter=each.filter,
                retryPolicy={"minimumBackoff": "10s", "maximumBackoff": "600s"}, deadLetterPolicy=dead_letters,
                pushConfig={
                    "pushEndpoint": url(each.function), "oidcToken": {"serviceAccountEmail": f"push@{PROJECT}.example"},
                },
            )  # fmt: skip
        urls = {each: url(each) for each in FUNCTIONS}
        for table, rows in deployed.tables(project=PROJECT, number=NUMBER, urls=urls).items():
            self.world.table(table).update(rows)
        self.stack.compute.insert_image(IMAGE)
        self.world.simulation.advance(120)


async def _take(subscription: Json, message: Json, attempt: int) -> bool:
    return True


def url(function: str) -> str:
    return f"https://poolwright-{function.replace('_', '-')}-abc-uc.a.run.app"


# Changes: what is wrong afterwards


def sub(deployment: Deployment, name: str) -> Json:
    found: Json = deployment.world.table("pubsub.subscriptions")[f"projects/{PROJECT}/subscriptions/{name}"]
    return found


def without(table: str, key: str) -> Change:
    return lambda it: it.world.table(table).pop(key)


def put(table: str, **rows: Any) -> Change:
    return lambda it: it.world.table(table).update(rows)


def in_subscription(name: str, **fields: Any) -> Change:
    """None takes a field away."""

    def change(it: Deployment) -> None:
        found = sub(it, name)
        found.update({key: value for key, value in fields.items() if value is not None})
        for key in (key for key, value in fields.items() if value is None):
            del found[key]

    return change


def in_cluster(path: str, **fields: Any) -> Change:
    return lambda it: it.stack.gke.state.clusters[path].update(fields)


def in_pool(name: str, **config: Any) -> Change:
    def change(it: Deployment) -> None:
        for path, pool in it.stack.gke.state.pools.items():
            if path.endswith(f"/nodePools/{name}"):
                pool["config"].update(config)

    return change


def autoscaled(name: str) -> Change:
    def change(it: Deployment) -> None:
        for path, pool in it.stack.gke.state.pools.items():
            if path.endswith(f"/nodePools/{name}"):
                pool["autoscaling"] = {"enabled": True, "maxNodeCount": 3}

    return change


def without_policy_of(email: str) -> Change:
    """Nobody has a role by whom `email` is."""

    def change(it: Deployment) -> None:
        policy = it.world.table(resource_manager.POLICIES)[PROJECT]
        for binding in policy["bindings"]:
            binding["members"] = [each for each in binding["members"] if email not in each]

    return change


def in_provisioner(name: str, path: str, **spec: Any) -> Change:
    def change(it: Deployment) -> None:
        it.stack.gke.clusters[path].patch(PROVISIONERS, name, {"spec": spec})

    return change


def undefined(it: Deployment) -> None:
    """`training` knows no NodeProvisioner."""
    api = it.stack.gke.clusters[TRAINING]
    api.delete("customresourcedefinitions.apiextensions.k8s.io", PROVISIONERS)
    it.world.simulation.advance(1)
    api.reconcile()
    without_alert("h100 busy")(it)


def dead_letter(it: Deployment) -> None:
    it.world.publish(DEAD_LETTERS, b"{}", {})
    it.world.simulation.advance(120)


def alert(**fields: Any) -> Change:
    """Changes the policy `l4 busy`."""

    def change(it: Deployment) -> None:
        policies = it.world.table("monitoring.alertPolicies").values()
        next(each for each in policies if each["displayName"] == "l4 busy").update(fields)

    return change


def without_alert(name: str) -> Change:
    def change(it: Deployment) -> None:
        policies = it.world.table("monitoring.alertPolicies")
        del policies[next(key for key, each in policies.items() if each["displayName"] == name)]

    return change


def image(**fields: Any) -> Change:
    def change(it: Deployment) -> None:
        it.world.table("compute.images")[f"projects/{PROJECT}/global/images/{IMAGE['name']}"].update(fields)

    return change


def silence(it: Deployment) -> None:
    """No sample of a GPU in `serving` is younger than an hour."""
    for each in it.world.table("monitoring.timeSeries").values():
        if each["resource"]["labels"].get("cluster_name") == "serving":
            each["points"] = [[start - 3600, end - 3600, value] for start, end, value in each["points"]]


def refuse(it: Deployment, method: str) -> None:
    it.world.faults.add(Fault(method=method, status="PERMISSION_DENIED", message="not you"))
