"""The instance template that GKE issues for a pool in a zone, as the body of instanceTemplates.insert."""

from __future__ import annotations

import base64
from typing import Any

from localcloud.gke import kube_env, names
from localcloud.gke.facts import PoolFacts

Json = dict[str, Any]

COS_FEATURES = (
    "VIRTIO_SCSI_MULTIQUEUE", "UEFI_COMPATIBLE", "GVNIC", "SEV_CAPABLE", "SEV_SNP_CAPABLE", "SEV_LIVE_MIGRATABLE",
    "SEV_LIVE_MIGRATABLE_V2", "IDPF", "TDX_CAPABLE",
)  # fmt: skip


def template(facts: PoolFacts, *, name: str, project: str) -> Json:
    """The whole body; `project` is where network and disks are."""
    config = facts.config
    body: Json = {
        "name": name,
        "description": "",
        "properties": {
            "machineType": config["machineType"],
            "canIpForward": True,
            "tags": {"items": [_node_tag(facts), *(config.get("tags") or [])]},
            "labels": vm_labels(facts),
            "disks": [_boot_disk(facts)],
            "metadata": {"items": [{"key": key, "value": value} for key, value in metadata(facts).items()]},
            "networkInterfaces": [_interface(facts, project)],
            "scheduling": _scheduling(facts),
            "serviceAccounts": [{"email": config["serviceAccount"], "scopes": config["oauthScopes"]}],
            "shieldedInstanceConfig": _shielded(config),
        },
    }
    if config.get("accelerators") and facts.machine.gpus:
        body["properties"]["guestAccelerators"] = [
            {"acceleratorType": facts.machine.gpu_type, "acceleratorCount": facts.machine.gpus}
        ]
    for field in ("minCpuPlatform", "reservationAffinity"):
        if config.get(field):
            body["properties"][field] = config[field]
    return body


def metadata(facts: PoolFacts) -> dict[str, str]:
    """The template's metadata, in the order GKE has them; a pool's own keys come last."""
    labels = ",".join(f"{key}={value}" for key, value in sorted(facts.node_labels.items()))
    return {
        "cluster-location": facts.cluster["location"],
        "cluster-name": facts.cluster["name"],
        "cluster-uid": facts.uid,
        "configure-sh": CONFIGURE_SH,
        "enable-oslogin": "false",
        "gci-ensure-gke-docker": "true",
        "gci-metrics-enabled": "true",
        "gci-update-strategy": "update_disabled",
        "google-compute-enable-pcid": "true",
        "install-ssh-psm1": "true",
        "kube-env": kube_env.render(kube_env.values(facts)),
        "kube-labels": labels,
        "kubelet-config": kubelet_config(facts),
        "serial-port-logging-enable": "true",
        "user-data": USER_DATA,
        "disable-legacy-endpoints": "true",
        **dict(facts.config.get("metadata") or {}),
    }


def vm_labels(facts: PoolFacts) -> dict[str, str]:
    """Labels of the VMs."""
    model = {"standard": "on-demand"}.get(facts.provisioning, facts.provisioning)
    return {
        "goog-gke-node": "",
        "goog-gke-cluster-id-base32": base64.b32encode(bytes.fromhex(facts.uid)).decode().rstrip("=").lower(),
        "goog-gke-node-pool-provisioning-model": model,
        "goog-k8s-cluster-location": facts.cluster["location"],
        "goog-k8s-cluster-name": facts.cluster["name"],
        "goog-k8s-node-pool-name": facts.pool["name"],
        **dict(facts.config.get("resourceLabels") or {}),
    }


def kubelet_config(facts: PoolFacts) -> str:
    """The kubelet's configuration file."""
    extra = facts.config.get("kubeletConfig") or {}
    lines = [
        "apiVersion: kubelet.config.k8s.io/v1beta1",
        "kind: KubeletConfiguration",
        "authentication:",
        "  anonymous:",
        "    enabled: false",
        "  webhook:",
        "    enabled: true",
        "  x509:",
        "    clientCAFile: /etc/srv/kubernetes/pki/ca-certificates.crt",
        "authorization:",
        "  mode: Webhook",
        "cgroupDriver: systemd",
        "clusterDNS:",
        "- 34.118.224.10",
        "clusterDomain: cluster.local",
        f"cpuManagerPolicy: {extra.get('cpuManagerPolicy') or 'none'}",
        "enableDebuggingHandlers: true",
        "evictionHard:",
        "  memory.available: 100Mi",
        "  nodefs.available: 10%",
        "  nodefs.inodesFree: 5%",
        "  pid.available: 10%",
        f"maxPods: {facts.max_pods}",
        f"podPidsLimit: {extra.get('podPidsLimit') or '-1'}",
        "readOnlyPort: 10255",
        "serverTLSBootstrap: true",
        "staticPodPath: /etc/kubernetes/manifests",
    ]
    return "\n".join(lines) + "\n"


def _node_tag(facts: PoolFacts) -> str:
    return f"gke-{facts.cluster['name'][:36]}-{facts.cluster['id'][:8]}-node"


def _boot_disk(facts: PoolFacts) -> Json:
    params: Json = {
        "diskSizeGb": str(facts.config["diskSizeGb"]),
        "diskType": facts.config["diskType"],
        "sourceImage": names.COMPUTE_ROOT + facts.source_image,
        "labels": {"goog-gke-node": "", "goog-gke-volume": ""},
    }
    return {
        "type": "PERSISTENT",
        "mode": "READ_WRITE",
        "deviceName": "persistent-disk-0",
        "boot": True,
        "autoDelete": True,
        "initializeParams": params,
        "guestOsFeatures": [{"type": each} for each in COS_FEATURES],
    }


def _interface(facts: PoolFacts, project: str) -> Json:
    region = names.region_of(facts.zone)
    return {
        "name": "nic0",
        "network": f"projects/{project}/global/networks/{facts.cluster['network']}",
        "subnetwork": f"projects/{project}/regions/{region}/subnetworks/{facts.cluster['subnetwork']}",
        "accessConfigs": [{"name": "external-nat", "type": "ONE_TO_ONE_NAT"}],
        "aliasIpRanges": [
            {"ipCidrRange": "/24", "subnetworkRangeName": f"gke-{facts.cluster['name']}-pods-{facts.cluster['id'][:8]}"}
        ],
    }


def _scheduling(facts: PoolFacts) -> Json:
    # VMs with GPUs cannot move; spot VMs are neither moved nor started again.
    moves = not facts.machine.gpus and facts.provisioning == "standard"
    scheduling: Json = {
        "onHostMaintenance": "MIGRATE" if moves else "TERMINATE",
        "automaticRestart": facts.provisioning == "standard",
        "preemptible": facts.provisioning != "standard",
        "provisioningModel": "SPOT" if facts.provisioning == "spot" else "STANDARD",
    }
    if facts.provisioning == "spot":
        scheduling["instanceTerminationAction"] = "DELETE"
    return scheduling


def _shielded(config: Json) -> Json:
    wanted = config.get("shieldedInstanceConfig") or {}
    return {
        "enableSecureBoot": bool(wanted.get("enableSecureBoot", False)),
        "enableVtpm": True,
        "enableIntegrityMonitoring": bool(wanted.get("enableIntegrityMonitoring", True)),
    }


CONFIGURE_SH = """#!/bin/bash

# Gets a node ready to run Kubernetes: fetches what kube-env names and starts it.

set -o errexit
set -o nounset
set -o pipefail

readonly KUBE_HOME="/home/kubernetes"

function download-kube-env {
  local -r tmp_kube_env="/tmp/kube-env.yaml"
  curl --fail --retry 5 --silent -H "X-Google-Metadata-Request: True" \\
    -o "${tmp_kube_env}" http://metadata.google.internal/computeMetadata/v1/instance/attributes/kube-env
  python3 -c '
import pipes,sys,yaml
items = yaml.load(sys.stdin, Loader=yaml.BaseLoader).items()
for key, value in items:
    print("readonly {}={}".format(key, pipes.quote(str(value))))
' < "${tmp_kube_env}" > "${KUBE_HOME}/kube-env"
  rm -f "${tmp_kube_env}"
}

mkdir -p "${KUBE_HOME}/bin"
download-kube-env
source "${KUBE_HOME}/kube-env"
"""

USER_DATA = """#cloud-config

write_files:
  - path: /etc/systemd/system/kube-node-installation.service
    permissions: 0644
    owner: root
    content: |
      [Unit]
      Description=Download and install k8s binaries and configurations
      After=network-online.target

      [Service]
      Type=oneshot
      RemainAfterExit=yes
      ExecStartPre=/bin/mkdir -p /home/kubernetes/bin
      ExecStart=/bin/bash /home/kubernetes/bin/configure.sh

      [Install]
      WantedBy=kubernetes.target

runcmd:
  - systemctl daemon-reload
  - systemctl enable kube-node-installation.service
  - systemctl start kubernetes.target
"""
