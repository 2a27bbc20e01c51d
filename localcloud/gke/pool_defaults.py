"""A NodePool of a request, checked and filled in as GKE does (reference: projects.locations.clusters.nodePools)."""

from __future__ import annotations

import re
from typing import Any

from localcloud.compute.catalog import ACCELERATORS, machine
from localcloud.compute.places import ZONES
from localcloud.gke import refusals, versions
from localcloud.gke.names import Target, region_of

Json = dict[str, Any]

NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,38}[a-z0-9])?")
SCOPES = [
    "https://www.googleapis.com/auth/devstorage.read_only",
    "https://www.googleapis.com/auth/logging.write",
    "https://www.googleapis.com/auth/monitoring",
    "https://www.googleapis.com/auth/service.management.readonly",
    "https://www.googleapis.com/auth/servicecontrol",
    "https://www.googleapis.com/auth/trace.append",
]
MOST_NODES = 1000


def new_pool(body: Json, *, target: Target, cluster: Json) -> Json:
    """The row of a new pool, PROVISIONING, without groups yet. Errors: 400 for what GKE would not take."""
    name = str(body.get("name", ""))
    if not NAME.fullmatch(name):
        raise bad_name("node_pool.name", name)
    zones = list(body.get("locations") or cluster["locations"])
    check_zones(zones, cluster)
    config = node_config(body.get("config") or {}, autopilot=bool((cluster.get("autopilot") or {}).get("enabled")))
    check_place(config, zones)
    count = int(body.get("initialNodeCount", 0))
    if count > MOST_NODES:
        raise refusals.invalid(f"Node pool {name} has too many nodes: {count}, the limit is {MOST_NODES} in a zone.")
    version = versions.resolve(str(body.get("version", "")), default=cluster["currentMasterVersion"])
    check_skew(version, cluster)
    return {
        **{key: value for key, value in body.items() if key not in OUTPUT_ONLY},
        "name": name,
        "config": config,
        "initialNodeCount": count,
        "locations": zones,
        "version": version,
        "status": "PROVISIONING",
        "autoscaling": autoscaling(body.get("autoscaling") or {}),
        "management": {"autoUpgrade": True, "autoRepair": True} | dict(body.get("management") or {}),
        "maxPodsConstraint": body.get("maxPodsConstraint") or {"maxPodsPerNode": "110"},
        "podIpv4CidrSize": 24,
        "networkConfig": {
            "podRange": f"gke-{cluster['name']}-pods-{cluster['id'][:8]}",
            "podIpv4CidrBlock": cluster["clusterIpv4Cidr"],
            "enablePrivateNodes": False,
            **dict(body.get("networkConfig") or {}),
        },
        "upgradeSettings": {"maxSurge": 1, "strategy": "SURGE"} | dict(body.get("upgradeSettings") or {}),
        "_path": f"{target.cluster_path}/nodePools/{name}",
        "_groups": [],
    }


OUTPUT_ONLY = {"selfLink", "instanceGroupUrls", "status", "statusMessage", "conditions", "updateInfo", "etag"}


def node_config(given: Json, *, autopilot: bool = False) -> Json:
    """A NodeConfig with GKE's defaults."""
    config: Json = {
        "machineType": "e2-medium",
        "diskSizeGb": 100,
        "diskType": "pd-balanced",
        "imageType": versions.DEFAULT_IMAGE_TYPE,
        "oauthScopes": list(SCOPES),
        "serviceAccount": "default",
        "metadata": {},
        "shieldedInstanceConfig": {"enableIntegrityMonitoring": True},
        "windowsNodeConfig": {},
    }
    config |= {key: value for key, value in given.items() if value not in (None, "", [])}
    config["metadata"] = {"disable-legacy-endpoints": "true"} | dict(config["metadata"])
    config["imageType"] = image_type(str(config["imageType"]))
    if int(config["diskSizeGb"]) < 10:
        raise refusals.invalid(f"Node disk size must be at least 10GB, got {config['diskSizeGb']}GB.")
    config["machineType"] = str(config["machineType"]).rpartition("/")[2]
    type_ = machine(config["machineType"])
    if type_ is not None and type_.accelerator and not config.get("accelerators") and not autopilot:
        # Machine types that bring GPUs need not name them.
        config["accelerators"] = [{"acceleratorCount": str(type_.accelerators), "acceleratorType": type_.accelerator}]
    config["effectiveCgroupMode"] = "EFFECTIVE_CGROUP_MODE_V2"
    return config


def image_type(given: str) -> str:
    """An image type as GKE keeps it; 400 for none."""
    if given.upper() not in versions.IMAGE_TYPES:
        raise refusals.invalid(f'Image type "{given}" is not supported.')
    return given.upper()


def check_zones(zones: list[str], cluster: Json) -> None:
    """400 for a zone that is none, or in another region than the cluster."""
    region = region_of(cluster["location"])
    for zone in zones:
        if ZONES.get(zone) != region:
            raise refusals.invalid(f'Location "{zone}" is not a zone of the cluster\'s region "{region}".')


def check_place(config: Json, zones: list[str]) -> None:
    """400 for a machine type or accelerator that a zone does not have."""
    for zone in zones:
        if machine(config["machineType"]) is None:
            text = f'Machine type with name "{config["machineType"]}" does not exist in zone "{zone}".'
            raise refusals.invalid(text)
        for each in config.get("accelerators") or []:
            known = ACCELERATORS.get(str(each.get("acceleratorType", "")))
            if known is None or zone.rpartition("-")[0] not in known.regions:
                kind = each.get("acceleratorType", "")
                raise refusals.invalid(f'Accelerator type "{kind}" does not exist in zone {zone}.')


def check_skew(version: str, cluster: Json) -> None:
    """400 for nodes newer than their control plane."""
    master = cluster["currentMasterVersion"]
    if versions.key(version) > versions.key(master):
        text = f'Node version "{version}" must not be greater than the master version "{master}".'
        raise refusals.invalid(text)


def autoscaling(given: Json) -> Json:
    """NodePoolAutoscaling, checked."""
    found = {key: value for key, value in given.items() if value not in (None, 0, "")}
    if found.get("enabled"):
        least, most = int(found.get("minNodeCount", 0)), int(found.get("maxNodeCount", 0))
        total = int(found.get("totalMaxNodeCount", 0))
        if not total and most < max(least, 1):
            raise refusals.invalid(
                "Cannot have max_node_count less than min_node_count and 1 when autoscaling is enabled."
            )
        found.setdefault("locationPolicy", "BALANCED")
    return found


def bad_name(field: str, name: str) -> Exception:
    """400 for a name that is none."""
    text = (
        f'Invalid value for field "{field}": "{name}". Names must start with a lowercase letter followed by up to 39 '
        "lowercase letters, numbers, or hyphens, and cannot end with a hyphen."
    )
    return refusals.invalid(text)
