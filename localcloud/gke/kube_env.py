"""The metadata value `kube-env`: what a GKE node is told at boot, as `KEY: value` text, and the kubelet's reading.

The form is that of Go's YAML printer: keys in order, long plain values folded with an indent of two, booleans and
empty values in double quotes, JSON in single ones, texts of several lines as `|` blocks. Keys and values as nodes of
GKE show them (cluster/gce/util.sh of Kubernetes; cluster-autoscaler's cloudprovider/gce/templates.go reads
AUTOSCALER_ENV_VARS). The text ends without a newline.
"""

from __future__ import annotations

import json
import shlex
import textwrap
from typing import Any

import yaml

from localcloud.gke import machines
from localcloud.gke.facts import PoolFacts

_MIRRORS = ("gke-release", "gke-release-asia", "gke-release-eu")
_QUOTED = {"true", "false", "null", "yes", "no", "on", "off", "none"}


def render(values: dict[str, str]) -> str:
    """KEY: value text, keys in order."""
    return "\n".join(f"{key}: {_value(values[key])}" for key in sorted(values))


def _value(text: str) -> str:
    if "\n" in text:
        return "|\n" + textwrap.indent(text.rstrip("\n"), "  ")
    if text.startswith(("{", "[")):
        return "'" + text.replace("'", "''") + "'"
    if not text or text.lower() in _QUOTED or text.replace(".", "", 1).isdigit() or ": " in text:
        return json.dumps(text)
    if " " not in text:
        return text
    return "\n  ".join(textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False))


def values(facts: PoolFacts) -> dict[str, str]:
    """All keys of a pool's nodes in one zone."""
    version, name = facts.version, facts.cluster["name"]
    release = f"kubernetes/release/v{version}"
    return {
        "ALLOCATE_NODE_CIDRS": "true",
        "AUTOSCALER_ENV_VARS": _autoscaler(facts),
        "CA_CERT": facts.cluster["masterAuth"]["clusterCaCertificate"],
        "CLUSTER_IP_RANGE": facts.cluster["clusterIpv4Cidr"],
        "CLUSTER_NAME": name,
        "CNI_STORAGE_URL_BASE": "https://storage.googleapis.com/gke-release/cni-plugins",
        "CONTAINERD_DEFAULT_RUNTIME": "runc",
        "CREATE_BOOTSTRAP_KUBECONFIG": "true",
        "DNS_DOMAIN": "cluster.local",
        "DNS_SERVER_IP": "34.118.224.10",
        "DOCKER_REGISTRY_MIRROR_URL": "https://mirror.gcr.io",
        "ENABLE_CLUSTER_DNS": "true",
        "ENABLE_CLUSTER_LOGGING": "false",
        "ENABLE_CLUSTER_MONITORING": "none",
        "ENABLE_L7_LOADBALANCING": "glbc",
        "ENABLE_METRICS_SERVER": "true",
        "ENABLE_NODE_BFQ_IO_SCHEDULER": "true",
        "ENABLE_NODE_PROBLEM_DETECTOR": "standalone",
        "ENABLE_NODELOCAL_DNS": "false",
        "ENV_TIMESTAMP": facts.issued_at,
        "EXTRA_POD_SYSCTLS": "",
        "FEATURE_GATES": "ExecProbeTimeout=false,RotateKubeletServerCertificate=true",
        "FLUENTD_CONTAINER_RUNTIME_SERVICE": "containerd",
        "HPA_USE_REST_CLIENTS": "true",
        "INSTANCE_PREFIX": f"gke-{name}-{facts.cluster['id'][:8]}",
        "KUBELET_ARGS": kubelet_args(facts),
        "KUBE_ADDON_REGISTRY": "registry.k8s.io",
        "KUBE_CLUSTER_DNS": "34.118.224.10",
        "KUBE_DOCKER_REGISTRY": "gke.gcr.io",
        "KUBE_MANIFESTS_TAR_HASH": facts.digest("manifests"),
        "KUBE_MANIFESTS_TAR_URL": _urls(f"{release}/kubernetes-manifests.tar.gz"),
        "KUBERNETES_MASTER": "false",
        "KUBERNETES_MASTER_NAME": facts.cluster["endpoint"],
        "LOGGING_STACKDRIVER_RESOURCE_TYPES": "",
        "MONITORING_FLAG_SET": "true",
        "NETWORK_PROVIDER": "kubenet",
        "NODE_BFQ_IO_SCHEDULER_IO_WEIGHT": "1200",
        "NODE_LOCAL_SSDS_EXT": "",
        "NODE_PROBLEM_DETECTOR_ADC_CONFIG": _workload_identity(facts),
        "NON_MASQUERADE_CIDR": "0.0.0.0/0",
        "REMOUNT_VOLUME_PLUGIN_DIR": "true",
        "REQUIRE_METADATA_KUBELET_CONFIG_FILE": "true",
        "SALT_TAR_HASH": "",
        "SERVER_BINARY_TAR_HASH": facts.digest("server"),
        "SERVER_BINARY_TAR_URL": _urls(f"{release}/kubernetes-server-linux-amd64.tar.gz"),
        "SERVICE_CLUSTER_IP_RANGE": facts.cluster["servicesIpv4Cidr"],
        "STACKDRIVER_ENDPOINT": "https://logging.googleapis.com",
        "SYSCTL_OVERRIDES": "",
        "VOLUME_PLUGIN_DIR": "/home/kubernetes/flexvolume",
        # Nothing here depends on the zone, so that the templates of a pool's zones tell their nodes the same.
        "ZONE": facts.cluster["location"],
        **facts.secrets,
    }


def kubelet_args(facts: PoolFacts) -> str:
    """The kubelet's command line."""
    labels = ",".join(f"{key}={value}" for key, value in sorted(facts.node_labels.items()))
    taints = ",".join(facts.taints)
    return " ".join([
        "--v=2",
        "--cloud-provider=external",
        "--experimental-mounter-path=/home/kubernetes/containerized_mounter/mounter",
        "--cert-dir=/var/lib/kubelet/pki/",
        "--kubeconfig=/var/lib/kubelet/kubeconfig",
        "--image-credential-provider-config=/etc/srv/kubernetes/cri_auth_config.yaml",
        "--image-credential-provider-bin-dir=/home/kubernetes/bin",
        f"--max-pods={facts.max_pods}",
        f"--node-labels={labels}",
        *([f"--register-with-taints={taints}"] if taints else []),
        "--volume-plugin-dir=/home/kubernetes/flexvolume",
        "--bootstrap-kubeconfig=/var/lib/kubelet/bootstrap-kubeconfig",
        "--node-status-max-images=50",
        "--registry-qps=10",
        "--registry-burst=20",
    ])  # fmt: skip


def _autoscaler(facts: PoolFacts) -> str:
    machine = facts.machine
    reserved = (
        f"cpu={machines.reserved_cpu_millis(machine.cpus)}m,"
        f"memory={machines.reserved_memory_mib(machine.memory_mib)}Mi,ephemeral-storage=41Gi"
    )
    labels = ",".join(f"{key}={value}" for key, value in sorted(facts.node_labels.items()))
    taints = ",".join(facts.taints)
    hard = "memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,pid.available<10%"
    return (
        f"kube_reserved={reserved};node_labels={labels};node_taints={taints};arch=amd64;os=linux;"
        f"os_distribution={facts.os_distribution};evictionHard={hard}"
    )


def _workload_identity(facts: PoolFacts) -> str:
    audience = f"https://container.googleapis.com/v1/{facts.pool_path}/systemComponents/node-problem-detector"
    config = {
        "type": "external_account",
        "audience": audience,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    }
    return json.dumps(config)


def _urls(path: str) -> str:
    return ",".join(f"https://storage.googleapis.com/{mirror}/{path}" for mirror in _MIRRORS)


class Unreadable(ValueError):
    """A kube-env that a node cannot boot with; the text says why."""


def read(text: str) -> dict[str, str]:
    """The keys as a node's own start script reads them: every scalar a string. Raises Unreadable."""
    try:
        found: Any = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - BaseLoader makes nothing but strings
    except yaml.YAMLError as wrong:
        raise Unreadable(f"kube-env is no YAML: {wrong}") from None
    if not isinstance(found, dict):
        raise Unreadable("kube-env holds no keys")
    return {str(key): str(value) for key, value in found.items()}


def flag(env: dict[str, str], name: str) -> str:
    """A flag's value in KUBELET_ARGS, or nothing."""
    try:
        words = shlex.split(env.get("KUBELET_ARGS", ""))
    except ValueError as wrong:
        raise Unreadable(f"KUBELET_ARGS cannot be split: {wrong}") from None
    start = f"--{name}="
    return next((word.removeprefix(start) for word in words if word.startswith(start)), "")
