"""What a world file says: the schema of its YAML, decoded strictly, and what types cannot check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from localcloud.compute.catalog import ACCELERATORS, machine
from localcloud.compute.places import REGIONS, ZONES
from localcloud.compute.rate_quotas import NAMES as RATE_QUOTAS
from localcloud.errors import GoogleError
from localcloud.gke import versions


class WorldFileError(ValueError):
    """The file cannot be used; the text names the file, the place in it, and what would do."""


class _Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """Names are camelCase; an unknown one is an error."""


class Accelerator(_Strict):
    """GPUs of a node; those that a machine type brings along need not be named."""

    type: str
    count: int = 1


class Taint(_Strict):
    """As Kubernetes has them."""

    key: str
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class Autoscaling(_Strict):
    """GKE's own autoscaler, in nodes a zone."""

    min_nodes: int = 0
    max_nodes: int = 3


class NodePool(_Strict):
    """A node pool; `nodes_per_zone` are there at the beginning."""

    name: str
    machine_type: str = "e2-medium"
    accelerator: Accelerator | None = None
    zones: list[str] = []
    nodes_per_zone: int = 0
    spot: bool = False
    labels: dict[str, str] = {}
    taints: list[Taint] = []
    autoscaling: Autoscaling | None = None
    disk_size_gb: int = 100
    image_type: str = versions.DEFAULT_IMAGE_TYPE
    version: str = ""


class Cluster(_Strict):
    """A cluster; `location` is a zone or a region, `notification_topic` the short name of a topic."""

    name: str
    location: str
    version: str = ""
    autopilot: bool = False
    notification_topic: str = "gke-notifications"
    node_pools: list[NodePool] = []


class Image(_Strict):
    """A Compute image of the project, READY."""

    name: str
    family: str = ""
    labels: dict[str, str] = {}
    disk_size_gb: int = 100
    architecture: Literal["X86_64", "ARM64"] = "X86_64"
    source_image: str = ""


class Provisioner(_Strict):
    """A NodeProvisioner: `spec` as the custom resource has it; the groups of `node_pools` are put in front of it."""

    name: str
    cluster: str
    node_pools: list[str] = []
    spec: dict[str, Any] = {}


class Workload(_Strict):
    """A deployment whose pods keep their GPUs busy for `duty_cycle` percent of the time."""

    name: str
    cluster: str
    namespace: str = "default"
    replicas: int = 1
    gpus_per_pod: int = 0
    duty_cycle: float = 0.0
    node_selector: dict[str, str] = {}
    image: str = "us-docker.pkg.dev/demo/serving/model:1"


class AlertPolicy(_Strict):
    """An alert on the mean duty cycle of a provisioner's GPUs, one of `above` and `below`, in percent."""

    name: str
    provisioner: str
    cluster: str
    above: float | None = None
    below: float | None = None
    for_seconds: int = 300
    topic: str = "gpu-alerts"


class PodEnd(_Strict):
    """How pods of Jobs end: a container's exit code, reason and message, after `seconds`. `boot_image`: only on nodes
    that booted that image."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""
    seconds: float | None = None
    boot_image: str = ""


class Plan(_Strict):
    """A whole world file.

    `stock`: {zone: {accelerator or machine type: how many there are}}; `quotas`: {region: {metric: limit}};
    `timings`: {compute | gke | cloudBuild: {name: seconds}}; `projects`: other projects' ids and numbers;
    `broken_images`: {boot image: boot | ready | gpu}; `baked_images`: {container image: bytes} of all our boot images;
    `pod_ends`: {glob of namespace/pod: how it ends}; `latency`: {glob of host/service.Method: seconds an answer takes};
    `rate_quotas`: {metric of Compute's rate quotas: requests a minute}.
    """

    project: str
    project_number: str = "314159265358"
    seed: int = 0
    projects: dict[str, str] = {}
    clusters: list[Cluster] = []
    images: list[Image] = []
    stock: dict[str, dict[str, int]] = {}
    quotas: dict[str, dict[str, float]] = {}
    provisioners: list[Provisioner] = []
    workloads: list[Workload] = []
    alert_policies: list[AlertPolicy] = []
    timings: dict[Literal["compute", "gke", "cloudBuild"], dict[str, float]] = {}
    broken_images: dict[str, Literal["boot", "ready", "gpu"]] = {}
    baked_images: dict[str, int] = {}
    pod_ends: dict[str, PodEnd] = {}
    latency: dict[str, float] = {}
    rate_quotas: dict[str, int] = {}


def read(path: Path) -> Plan:
    """The file's plan. Raises WorldFileError."""
    try:
        text = path.read_bytes()
    except OSError as wrong:
        raise WorldFileError(f"{path}: cannot be read ({wrong.strerror}); give the path of a world file") from None
    try:
        plan = msgspec.yaml.decode(text, type=Plan)
    except msgspec.ValidationError as wrong:
        what, _, where = str(wrong).partition(" - at ")
        raise WorldFileError(f"{path}: {_place(where)}: {what}; {_remedy(what)}") from None
    except msgspec.DecodeError as wrong:
        raise WorldFileError(f"{path}: no YAML: {wrong}; indent with spaces and quote texts that hold ': '") from None
    for where, what in _mistakes(plan):
        raise WorldFileError(f"{path}: {where}: {what}")
    return plan


def _place(where: str) -> str:
    """msgspec's `$.clusters[0]` in backquotes as `clusters[0]`."""
    return where.strip("`").removeprefix("$").removeprefix(".") or "the file's top level"


def _remedy(what: str) -> str:
    if "unknown field" in what:
        return "remove it or correct its name (names are camelCase)"
    if "missing required field" in what:
        return "add it"
    return "correct the value"


def _mistakes(plan: Plan) -> Iterator[tuple[str, str]]:
    """(place, what is wrong and what would do) beyond what types can say."""
    seen: set[str] = set()
    for index, cluster in enumerate(plan.clusters):
        where = f"clusters[{index}]"
        if cluster.name in seen:
            yield f"{where}.name", f"a second cluster {cluster.name!r}; names are unique in a world file"
        seen.add(cluster.name)
        if cluster.location not in REGIONS and cluster.location not in ZONES:
            yield f"{where}.location", f"no region or zone {cluster.location!r}; try us-central1"
        for place, what in _version_mistakes(cluster.version):
            yield f"{where}.{place}", what
        for number, pool in enumerate(cluster.node_pools):
            for place, what in _pool_mistakes(pool, cluster):
                yield f"{where}.nodePools[{number}].{place}", what
    yield from _reference_mistakes(plan)
    for index, policy in enumerate(plan.alert_policies):
        if (policy.above is None) == (policy.below is None):
            yield f"alertPolicies[{index}]", "needs one of `above` and `below`, in percent"
    for zone in plan.stock:
        if zone not in ZONES:
            yield f"stock.{zone}", "no such zone; try us-central1-a"
    for metric in plan.rate_quotas:
        if metric not in RATE_QUOTAS:
            yield f"rateQuotas.{metric}", f"no such metric; one of {', '.join(RATE_QUOTAS)}"


def _reference_mistakes(plan: Plan) -> Iterator[tuple[str, str]]:
    """Clusters and pools that are named and not there."""
    pools = {each.name: {pool.name for pool in each.node_pools} for each in plan.clusters}
    kinds: dict[str, Sequence[Provisioner | Workload | AlertPolicy]] = {
        "provisioners": plan.provisioners,
        "workloads": plan.workloads,
        "alertPolicies": plan.alert_policies,
    }
    for kind, items in kinds.items():
        for index, each in enumerate(items):
            if each.cluster not in pools:
                known = ", ".join(pools) or "none"
                yield f"{kind}[{index}].cluster", f"no cluster {each.cluster!r}; the file has {known}"
    for index, provisioner in enumerate(plan.provisioners):
        known_pools = pools.get(provisioner.cluster, set())
        for name in provisioner.node_pools:
            if name not in known_pools:
                text = f"no node pool {name!r} in {provisioner.cluster}; it has {', '.join(sorted(known_pools))}"
                yield f"provisioners[{index}].nodePools", text


def _version_mistakes(version: str) -> list[tuple[str, str]]:
    try:
        versions.resolve(version)
    except GoogleError:
        return [("version", f"{version!r} is not offered; one of {', '.join(versions.OFFERED)}")]
    return []


def _pool_mistakes(pool: NodePool, cluster: Cluster) -> list[tuple[str, str]]:
    found = _version_mistakes(pool.version)
    if machine(pool.machine_type) is None:
        found.append(("machineType", f"no machine type {pool.machine_type!r}; try g2-standard-24 or e2-medium"))
    if pool.accelerator is not None and pool.accelerator.type not in ACCELERATORS:
        found.append(
            ("accelerator.type", f"no accelerator {pool.accelerator.type!r}; one of {', '.join(ACCELERATORS)}")
        )
    for zone in pool.zones:
        if zone not in ZONES or ZONES[zone] != ZONES.get(cluster.location, cluster.location):
            found.append(("zones", f"no zone {zone!r} in the region of {cluster.location}"))
    if pool.image_type not in versions.IMAGE_TYPES:
        found.append(("imageType", f"{pool.image_type!r} is none; one of {', '.join(versions.IMAGE_TYPES)}"))
    if cluster.autopilot:
        found.append(("name", "an autopilot cluster has no node pools of yours; remove the pool"))
    return found
