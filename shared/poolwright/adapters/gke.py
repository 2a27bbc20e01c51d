"""Kubernetes Engine, through google-cloud-container (https://cloud.google.com/kubernetes-engine/docs/reference/rest)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_errors import READ_RETRY, TIMEOUT, rejections, translated
from poolwright.references import ClusterRef, GroupRef, PoolRef
from poolwright.services.ports import Cluster, Endpoints, Json, NodePool, ReservationAffinity, Taint

HOST = "container.googleapis.com"
_PROJECT = re.compile(r"/projects/([^/]+)/")


@dataclass(frozen=True)
class ControlPlane:
    """Where a cluster's API is; `ca` is its certificate authority's PEM in base64, or '' where a public one vouches."""

    url: str
    ca: str


class KubernetesEngine:
    """The `Gke` port. Asked by project number, it answers with refs by project id, as environments have them."""

    def __init__(self, access: GoogleAccess) -> None:
        self._access = access
        self._planes: dict[ClusterRef, ControlPlane] = {}

    @cached_property
    def _client(self) -> Any:
        from google.cloud.container_v1.services.cluster_manager import ClusterManagerClient

        return self._access.rest(ClusterManagerClient, HOST)

    def cluster(self, ref: ClusterRef) -> Cluster:
        found = self._get(ref)
        if by_id := _PROJECT.search(found.self_link):
            ref = ClusterRef(by_id.group(1), ref.location, ref.name)
        self._planes[ref] = _plane(found)
        return Cluster(
            ref=ref,
            uid=found.id,
            status=found.status.name,
            autopilot=found.autopilot.enabled,
            pools=() if found.autopilot.enabled else tuple(_pool(ref, pool) for pool in found.node_pools),
            endpoints=_endpoints(found.control_plane_endpoints_config),
            notifications=found.notification_config.pubsub.topic if found.notification_config.pubsub.enabled else "",
        )

    @translated()
    @rejections()
    def create_pool(self, ref: ClusterRef, body: Json) -> None:
        from google.cloud.container_v1.types import NodePool as Message

        request = {"parent": str(ref), "node_pool": Message.from_json(json.dumps(body))}
        self._client.create_node_pool(request=request, retry=None, timeout=TIMEOUT)

    @translated()
    @rejections()
    def delete_pool(self, ref: PoolRef) -> None:
        self._client.delete_node_pool(request={"name": str(ref)}, retry=None, timeout=TIMEOUT)

    def control_plane(self, ref: ClusterRef) -> ControlPlane:
        """Where the cluster's own API is. No call where the cluster was just read; a second time, that may be how it
        was. Missing."""
        return self._planes.pop(ref, None) or _plane(self._get(ref))

    @translated()
    def _get(self, ref: ClusterRef) -> Any:
        return self._client.get_cluster(request={"name": str(ref)}, retry=READ_RETRY, timeout=TIMEOUT)


def _plane(cluster: Any) -> ControlPlane:
    """The DNS-based endpoint where that is open: it is reached from everywhere, and its certificate is a public one
    (https://cloud.google.com/kubernetes-engine/docs/concepts/network-isolation#dns-based_endpoint)."""
    if dns := _endpoints(cluster.control_plane_endpoints_config).dns:
        return ControlPlane(url=f"https://{dns}", ca="")
    return ControlPlane(url=f"https://{cluster.endpoint}", ca=cluster.master_auth.cluster_ca_certificate)


def _endpoints(config: Any) -> Endpoints:
    """https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/ControlPlaneEndpointsConfig"""
    dns, ip = config.dns_endpoint_config, config.ip_endpoints_config
    networks = ip.authorized_networks_config
    return Endpoints(
        dns=dns.endpoint if dns.allow_external_traffic else "",
        public=ip.enable_public_endpoint,
        authorized=tuple(block.cidr_block for block in networks.cidr_blocks) if networks.enabled else None,
    )


def _pool(cluster: ClusterRef, pool: Any) -> NodePool:
    accelerators = pool.config.accelerators
    return NodePool(
        ref=PoolRef(cluster, pool.name),
        status=pool.status.name,
        version=pool.version,
        machine_type=pool.config.machine_type,
        accelerators=tuple(accelerator.accelerator_type for accelerator in accelerators),
        gpus_per_node=sum(accelerator.accelerator_count for accelerator in accelerators),
        labels=dict(pool.config.labels),
        autoscaling=pool.autoscaling.enabled,
        groups=tuple(GroupRef.parse(url) for url in pool.instance_group_urls),
        image_type=pool.config.image_type,
        locations=tuple(pool.locations),
        status_message=pool.status_message,
        autoprovisioned=pool.autoscaling.autoprovisioned,
        taints=tuple(
            Taint(taint.key, taint.value, _EFFECTS.get(taint.effect.name, "")) for taint in pool.config.taints
        ),
        spot=pool.config.spot or pool.config.preemptible,
        **_division(accelerators),
        reservation=_affinity(pool.config.reservation_affinity),
        service_account=pool.config.service_account,
    )


# https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/NodeConfig#NodeTaint
_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "PREFER_NO_SCHEDULE": "PreferNoSchedule", "NO_EXECUTE": "NoExecute"}


def _division(accelerators: Any) -> dict[str, Any]:
    """How GPUs are shared or partitioned
    (https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/AcceleratorConfig)."""
    if not accelerators:
        return {}
    first = accelerators[0]
    sharing = first.gpu_sharing_config
    strategy = sharing.gpu_sharing_strategy.name.lower().replace("_", "-")  # as the node's label has it
    return {
        "partition": first.gpu_partition_size,
        "clients_per_gpu": sharing.max_shared_clients_per_gpu,
        "sharing": strategy if sharing.max_shared_clients_per_gpu else "",
    }


def _affinity(given: Any) -> ReservationAffinity | None:
    kind = given.consume_reservation_type.name
    return None if kind == "UNSPECIFIED" else ReservationAffinity(kind, tuple(given.values))
