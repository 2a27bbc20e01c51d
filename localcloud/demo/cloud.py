"""What the demo does to the local cloud and sees of it, as any user would: through Google's client libraries."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import compute_v1, container_v1, pubsub_v1
from google.cloud.devtools import cloudbuild_v1

from localcloud.demo.environment import NAME, builder
from poolwright.references import ClusterRef, GroupRef, PoolRef, last_part

DUTY_CYCLE = "localcloud.poolwright.dev/duty-cycle"


@dataclass(frozen=True)
class GroupSeen:
    """What the API says of an instance group: template, the image and kube-env it implies, how many members."""

    ref: GroupRef
    template: str
    image: str
    description: str
    kube_env: str
    size: int


class Cloud:
    """Clients for one stand-in; `manifest` is the line that `serve` printed."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        self.project: str = manifest["project"]
        self._env: Mapping[str, str] = manifest["env"]
        self._endpoints: Mapping[str, str] = manifest["endpoints"]
        self._compute = self._options("compute.googleapis.com")
        self.groups = compute_v1.InstanceGroupManagersClient(**self._compute)
        self.templates = compute_v1.InstanceTemplatesClient(**self._compute)
        self.regional = compute_v1.RegionInstanceTemplatesClient(**self._compute)
        self.gke = container_v1.ClusterManagerClient(transport="rest", **self._options("container.googleapis.com"))
        self.builds = cloudbuild_v1.CloudBuildClient(transport="rest", **self._options("cloudbuild.googleapis.com"))
        self.publisher = pubsub_v1.PublisherClient()

    def _options(self, host: str) -> dict[str, Any]:
        options = ClientOptions(api_endpoint=self._endpoints[host])
        return {"client_options": options, "credentials": AnonymousCredentials()}

    def pools(self) -> dict[PoolRef, tuple[GroupRef, ...]]:
        """Every node pool and its instance groups, as GKE says now."""
        found = {}
        for cluster in self.gke.list_clusters(parent=f"projects/{self.project}/locations/-").clusters:
            for pool in cluster.node_pools:
                ref = ClusterRef(self.project, cluster.location, cluster.name)
                found[PoolRef(ref, pool.name)] = tuple(GroupRef.parse(url) for url in pool.instance_group_urls)
        return found

    def group(self, ref: GroupRef) -> GroupSeen:
        """One instance group and what its template says."""
        group = self.groups.get(project=ref.project, zone=ref.zone, instance_group_manager=ref.name)
        template = self._template(group.instance_template)
        metadata = {item.key: item.value for item in template.properties.metadata.items}
        return GroupSeen(
            ref=ref,
            template=template.name,
            image=_image_of(template),
            description=template.description,
            kube_env=metadata.get("kube-env", ""),
            size=group.target_size,
        )

    def _template(self, url: str) -> compute_v1.InstanceTemplate:
        """A template, global or regional, by its URL."""
        if "/regions/" not in url:
            return self.templates.get(project=self.project, instance_template=last_part(url))
        region = url.partition("/regions/")[2].partition("/")[0]
        return self.regional.get(project=self.project, region=region, instance_template=last_part(url))

    def build(self, *, run_id: int, source_image: str, gke_version: str) -> str:
        """Submit a boot-image build; its id."""
        build = cloudbuild_v1.Build(
            steps=[
                {"name": "gcr.io/cloud-builders/gcloud", "args": ["version"]},
                {"name": "packer", "args": ["build", "."]},
            ],
            tags=["boot-image", NAME],
            substitutions={
                "_ENV": NAME, "_RUN_ID": str(run_id), "_SOURCE_IMAGE": source_image, "_GKE_VERSION": gke_version,
            },
            service_account=f"projects/{self.project}/serviceAccounts/{builder(self.project)}",
            options={"logging": "CLOUD_LOGGING_ONLY", "substitution_option": "ALLOW_LOOSE"},
        )  # fmt: skip
        request = {"project_id": self.project, "parent": f"projects/{self.project}/locations/global", "build": build}
        operation = self.builds.create_build(request=request)
        return str(operation.metadata.build.id)

    def command(self, action: str, **fields: Any) -> None:
        """Publish a rollout command, as a person would."""
        topic = self.publisher.topic_path(self.project, "rollout-commands")
        body = {"action": action, "environment": NAME, "requester": "demo", **fields}
        self.publisher.publish(topic, json.dumps(body).encode()).result(timeout=10)

    def create_pool(self, pool: PoolRef, *, like: PoolRef, nodes: int = 0) -> None:
        """A new node pool with the configuration and zones of another."""
        model = self.gke.get_node_pool(name=str(like))
        config = container_v1.NodeConfig(
            machine_type=model.config.machine_type,
            accelerators=model.config.accelerators,
            image_type=model.config.image_type,
            disk_size_gb=model.config.disk_size_gb,
        )
        fresh = container_v1.NodePool(
            name=pool.name,
            config=config,
            initial_node_count=nodes,
            locations=list(model.locations),
            version=model.version,
        )
        self.gke.create_node_pool(parent=str(pool.cluster), node_pool=fresh)

    def upgrade_pool(self, pool: PoolRef, *, version: str) -> None:
        """Ask GKE to upgrade a pool."""
        image_type = self.gke.get_node_pool(name=str(pool)).config.image_type
        self.gke.update_node_pool(request={"name": str(pool), "node_version": version, "image_type": image_type})

    def upgrade_control_plane(self, cluster: ClusterRef, *, version: str) -> None:
        """Ask GKE to upgrade a control plane: no pool may be newer than it."""
        self.gke.update_master(name=str(cluster), master_version=version)

    def control_plane(self, cluster: ClusterRef) -> str:
        """Its version, empty while GKE works on the cluster."""
        found = self.gke.get_cluster(name=str(cluster))
        running = found.status == container_v1.Cluster.Status.RUNNING
        return str(found.current_master_version) if running else ""

    def newer_version(self, pool: PoolRef) -> str:
        """The oldest of the next minor version that GKE offers: another base image."""
        now = _minor(self.version(pool))
        place = str(pool.cluster).partition("/clusters/")[0]
        offered = self.gke.get_server_config(name=place).valid_node_versions
        return str(min((version for version in offered if _minor(version) > now), key=_minor))

    def build_status(self, build: str) -> str:
        """What Cloud Build says of a build."""
        name = f"projects/{self.project}/locations/global/builds/{build}"
        found = self.builds.get_build(request={"name": name, "project_id": self.project, "id": build})
        return str(cloudbuild_v1.Build.Status(found.status).name)

    def base_image(self, group: GroupRef) -> str:
        """The node image that GKE chose for a group: its own template's, whatever the group points at now."""
        template = self.group(group)
        ours = json.loads(template.description) if template.description.startswith("{") else {}
        if "gkeTemplate" not in ours:
            return template.image
        url = str(
            self.groups.get(project=group.project, zone=group.zone, instance_group_manager=group.name).instance_template
        )
        return _image_of(self._template(url.rpartition("/")[0] + "/" + last_part(ours["gkeTemplate"])))

    def version(self, pool: PoolRef) -> str:
        """A pool's GKE version."""
        return str(self.gke.get_node_pool(name=str(pool)).version)

    def accelerators(self, pool: PoolRef) -> tuple[str, ...]:
        """A pool's accelerator types."""
        config = self.gke.get_node_pool(name=str(pool)).config
        return tuple(each.accelerator_type for each in config.accelerators)

    def scale(self, cluster: str, deployment: str, *, replicas: int) -> None:
        """How many pods a Deployment has."""
        apps = kubernetes.client.AppsV1Api(self._kubernetes(cluster))
        apps.patch_namespaced_deployment_scale(deployment, "default", {"spec": {"replicas": replicas}})

    def keep_busy(self, cluster: str, deployment: str, *, duty_cycle: int) -> None:
        """How busy a Deployment's pods keep their GPUs, in percent."""
        core = kubernetes.client.CoreV1Api(self._kubernetes(cluster))
        body = {"metadata": {"annotations": {DUTY_CYCLE: str(duty_cycle)}}}
        for pod in core.list_namespaced_pod("default", label_selector=f"app={deployment}").items:
            core.patch_namespaced_pod(pod.metadata.name, "default", body)

    def hurry(self, cluster: str, provisioner: str) -> None:
        """Waits of a provisioner that suit a person who watches."""
        objects = kubernetes.client.CustomObjectsApi(self._kubernetes(cluster))
        body = {"spec": {"cooldowns": {"scaleDownSeconds": 3}, "drain": {"timeoutSeconds": 30}}}
        objects.patch_cluster_custom_object("compute.poolwright.dev", "v1alpha1", "nodeprovisioners", provisioner, body)

    def gpu_nodes(self, cluster: str, *, pools: Collection[str]) -> dict[str, int]:
        """Allocatable GPUs of each node of these pools that is Ready, open for pods and has some, by name."""
        found = {}
        for node in kubernetes.client.CoreV1Api(self._kubernetes(cluster)).list_node().items:
            ready = any(each.type == "Ready" and each.status == "True" for each in node.status.conditions or [])
            gpus = int((node.status.allocatable or {}).get("nvidia.com/gpu", 0))
            if ready and gpus and node.metadata.labels.get("cloud.google.com/gke-nodepool") in pools:
                found[node.metadata.name] = gpus
        return found

    def context(self, cluster: str) -> str:
        """A cluster's context in the kubeconfig that `serve` wrote, named as gcloud names it."""
        contexts = [each["name"] for each in json.loads(Path(self._env["KUBECONFIG"]).read_text("utf-8"))["contexts"]]
        return next(str(name) for name in contexts if name.endswith(f"_{cluster}"))

    def _kubernetes(self, cluster: str) -> Any:
        return kubernetes.config.new_client_from_config(self._env["KUBECONFIG"], context=self.context(cluster))


def _minor(version: str) -> tuple[int, ...]:
    """(1, 33) of `1.33.5-gke.1080000`."""
    return tuple(int(part) for part in version.split(".")[:2])


def _image_of(template: compute_v1.InstanceTemplate) -> str:
    boot = next(disk for disk in template.properties.disks if disk.boot)
    return last_part(boot.initialize_params.source_image)
