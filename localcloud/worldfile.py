"""The world file: a fleet as YAML, read strictly (`read`) and brought to life at once (`load`).

What is loaded is an old, quiet world: nodes are Ready, GPUs allocatable, workloads running, and nothing was emitted.
`localcloud/worlds/small.yaml` is an example.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import msgspec
import yaml

from localcloud.compute import Compute
from localcloud.dispatch import Call
from localcloud.gke import Gke, versions
from localcloud.kubernetes import ClusterApi
from localcloud.monitoring import Monitoring
from localcloud.plan import AlertPolicy, Cluster, Image, NodePool, Plan, Provisioner, Workload, WorldFileError, read
from localcloud.world import World

__all__ = ["Plan", "WorldFileError", "load", "read"]

PROVISIONER_LABEL = "compute.poolwright.dev/provisioner-name"
DUTY_CYCLE_ANNOTATION = "localcloud.poolwright.dev/duty-cycle"
DUTY_CYCLE_METRIC = "kubernetes.io/node/accelerator/duty_cycle"
GPU = "nvidia.com/gpu"
CRDS = "customresourcedefinitions.apiextensions.k8s.io"
DEFINITION = Path(__file__).parents[1] / "manifests" / "helm" / "poolwright" / "objects" / "nodeprovisioners.yaml"
# Nothing takes time while a world is loaded.
INSTANTLY = {
    "compute": ("operation", "attempt", "provision", "stage"),
    "gke": ("register", "readyStock", "readyBaked", "gpuStock", "gpuBaked", "pullStock", "pullBaked"),
}


async def load(plan: Plan, *, world: World, compute: Compute, gke: Gke, monitoring: Monitoring | None) -> None:
    """Build the plan's world, as it would be after a quiet day. Raises WorldFileError where it cannot be."""
    _set_tables(plan, world)
    for image in plan.images:
        compute.insert_image(_image(image))
    publish, world.publish = world.publish, _silence
    try:
        paths = {
            each.name: (await gke.put_cluster(_cluster(each, world.project), location=each.location))["_path"]
            for each in plan.clusters
        }
        _settle(plan, world, gke)
        for provisioner in plan.provisioners:
            _put_provisioner(gke, paths[provisioner.cluster], provisioner)
        for workload in plan.workloads:
            gke.clusters[paths[workload.cluster]].create("deployments.apps", _deployment(workload), workload.namespace)
        _settle(plan, world, gke)
    finally:
        world.publish = publish
        _let_time_be_taken(plan, world)
    for policy in plan.alert_policies:
        if monitoring is not None:
            _put_policy(world, monitoring, policy, next(each for each in plan.clusters if each.name == policy.cluster))


def _silence(topic: str, data: bytes, attributes: dict[str, str]) -> None:
    """What happened before the world began is no news."""


def _set_tables(plan: Plan, world: World) -> None:
    world.table("compute.projects").update(plan.projects)
    world.table("compute.stock").update(plan.stock)
    world.table("compute.quotas").update(plan.quotas)
    world.table("gke.brokenImages").update(plan.broken_images)
    world.table("gke.bakedImages").update(plan.baked_images)
    world.table("gke.podEnds").update({glob: msgspec.to_builtins(each) for glob, each in plan.pod_ends.items()})
    world.table("localcloud.latency").update(plan.latency)
    world.table("compute.rateQuotas").update(plan.rate_quotas)
    for part, names in INSTANTLY.items():
        world.table(f"{part}.timings").update(dict.fromkeys(names, 0.0))


def _let_time_be_taken(plan: Plan, world: World) -> None:
    for part, names in INSTANTLY.items():
        for name in names:
            world.table(f"{part}.timings").pop(name, None)
    for part, values in plan.timings.items():
        world.table(f"{part}.timings").update(values)


def _settle(plan: Plan, world: World, gke: Gke) -> None:
    """Carry out what is due until every node is Ready and every pod had its chance."""
    world.simulation.run_due()
    for path, api in gke.clusters.items():
        api.reconcile()
        for pool in gke.state.pools_of(path):
            wanted = sum(gke.groups.size(group) for group in pool["_groups"])
            ready = gke.kubelets.ready_nodes(pool)
            if ready < wanted:
                why = gke.groups.trouble(pool) or "the rest never turned Ready"
                raise WorldFileError(f"node pool {pool['name']}: {ready} of {wanted} nodes are there: {why}")


def _image(image: Image) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": image.name,
        "labels": image.labels,
        "diskSizeGb": str(image.disk_size_gb),
        "architecture": image.architecture,
    }
    body |= {"family": image.family} if image.family else {}
    return body | ({"sourceImage": image.source_image} if image.source_image else {})


def _cluster(cluster: Cluster, project: str) -> dict[str, Any]:
    """As CreateCluster takes it."""
    name = cluster.notification_topic
    topic = {"enabled": True, "topic": f"projects/{project}/topics/{name}"} if name else {"enabled": False}
    return {
        "name": cluster.name,
        "initialClusterVersion": cluster.version or _newest(cluster),
        "autopilot": {"enabled": cluster.autopilot},
        "notificationConfig": {"pubsub": topic},
        "nodePools": [_pool(each) for each in cluster.node_pools],
    }


def _newest(cluster: Cluster) -> str:
    """A control plane is no older than its nodes."""
    asked = [each.version for each in cluster.node_pools if each.version]
    return max([*(versions.resolve(each) for each in asked), versions.DEFAULT], key=versions.key)


def _pool(pool: NodePool) -> dict[str, Any]:
    """As CreateNodePool takes it."""
    effects = {"NoSchedule": "NO_SCHEDULE", "PreferNoSchedule": "PREFER_NO_SCHEDULE", "NoExecute": "NO_EXECUTE"}
    config: dict[str, Any] = {
        "machineType": pool.machine_type,
        "diskSizeGb": pool.disk_size_gb,
        "imageType": pool.image_type,
        "labels": pool.labels,
        "taints": [{"key": each.key, "value": each.value, "effect": effects[each.effect]} for each in pool.taints],
    }
    config |= {"spot": True} if pool.spot else {}
    if pool.accelerator is not None:
        gpus = {"acceleratorType": pool.accelerator.type, "acceleratorCount": str(pool.accelerator.count)}
        config["accelerators"] = [gpus]
    body: dict[str, Any] = {
        "name": pool.name,
        "config": config,
        "locations": pool.zones,
        "initialNodeCount": pool.nodes_per_zone,
        "version": pool.version,
    }
    if pool.autoscaling is not None:
        limits = {"minNodeCount": pool.autoscaling.min_nodes, "maxNodeCount": pool.autoscaling.max_nodes}
        body["autoscaling"] = {"enabled": True, **limits}
    return body


def _put_provisioner(gke: Gke, path: str, provisioner: Provisioner) -> None:
    api = gke.clusters[path]
    _define_provisioners(api)
    pools = [each for each in gke.state.pools_of(path) if each["name"] in provisioner.node_pools]
    groups = [group["name"] for pool in pools for group in pool["_groups"]]
    spec = {**provisioner.spec}
    spec["existingInstanceGroupNames"] = [*groups, *spec.get("existingInstanceGroupNames", [])]
    body = {
        "apiVersion": "compute.poolwright.dev/v1alpha1",
        "kind": "NodeProvisioner",
        "metadata": {"name": provisioner.name},
        "spec": spec,
    }
    api.create("nodeprovisioners.compute.poolwright.dev", body)


def _define_provisioners(api: ClusterApi) -> None:
    """The custom resource, as `manifests/` has it."""
    if not any(each["metadata"]["name"].startswith("nodeprovisioners.") for each in api.list(CRDS)):
        api.create(CRDS, yaml.safe_load(DEFINITION.read_text("utf-8")))
        api.reconcile()


def _deployment(workload: Workload) -> dict[str, Any]:
    labels = {"app": workload.name}
    container: dict[str, Any] = {"name": "main", "image": workload.image}
    if workload.gpus_per_pod:
        container["resources"] = {"limits": {GPU: str(workload.gpus_per_pod)}}
    pod = {
        "metadata": {"labels": labels, "annotations": {DUTY_CYCLE_ANNOTATION: f"{workload.duty_cycle:g}"}},
        "spec": {
            "containers": [container],
            "nodeSelector": workload.node_selector,
            # GKE's admission adds this to every pod that asks for GPUs.
            "tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
        },
    }
    return {
        "metadata": {"name": workload.name, "namespace": workload.namespace, "labels": labels},
        "spec": {"replicas": workload.replicas, "selector": {"matchLabels": labels}, "template": pod},
    }


def _put_policy(world: World, monitoring: Monitoring, policy: AlertPolicy, cluster: Cluster) -> None:
    """Channel and policy through the API's own methods."""
    api, name = monitoring.api(), f"projects/{world.project}"

    def call(method: str, **params: Any) -> dict[str, Any]:
        full = f"google.monitoring.v3.{method}"
        answer = api.handlers[full](Call(method=api.methods[full], params={"name": name, **params}))
        return cast(dict[str, Any], answer)

    topic = {"type": "pubsub", "displayName": policy.topic, "labels": {"topic": f"{name}/topics/{policy.topic}"}}
    channel = call("NotificationChannelService.CreateNotificationChannel", notificationChannel=topic)
    call("AlertPolicyService.CreateAlertPolicy", alertPolicy=_policy(policy, cluster, channel["name"]))


def _policy(policy: AlertPolicy, cluster: Cluster, channel: str) -> dict[str, Any]:
    above = policy.above is not None
    terms = (
        f'metric.type="{DUTY_CYCLE_METRIC}"',
        'resource.type="k8s_node"',
        f'resource.labels.cluster_name="{cluster.name}"',
        f'metadata.user_labels."{PROVISIONER_LABEL}"="{policy.provisioner}"',
    )
    threshold = {
        "filter": " AND ".join(terms),
        "comparison": "COMPARISON_GT" if above else "COMPARISON_LT",
        "thresholdValue": policy.above if above else policy.below,
        "duration": f"{policy.for_seconds}s",
        "aggregations": [
            {"alignmentPeriod": "60s", "perSeriesAligner": "ALIGN_MEAN", "crossSeriesReducer": "REDUCE_MEAN"}
        ],
    }
    return {
        "displayName": policy.name,
        "combiner": "OR",
        "conditions": [{"displayName": f"GPU duty cycle of {policy.provisioner}", "conditionThreshold": threshold}],
        "notificationChannels": [channel],
        "userLabels": {
            "poolwright_provisioner": policy.provisioner,
            "poolwright_cluster": cluster.name,
            "poolwright_location": cluster.location,
        },
    }
