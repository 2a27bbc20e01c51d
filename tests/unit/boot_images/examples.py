"""A pool as the Compute API shows it: cluster `serving`, pool `l4`, group on GKE's template."""

import base64
import json
from typing import Any

from poolwright.references import ClusterRef, PoolRef

CANARY = "c4n4ry-Hz7Qp0-kubelet-private-key"
CANARY_BASE64 = base64.b64encode(CANARY.encode()).decode()
SECRET_KEYS = (
    "KUBELET_KEY",
    "KUBELET_CERT",
    "CA_CERT",
    "CA_CERT_BUNDLE",
    "TPM_BOOTSTRAP_KEY",
    "TPM_BOOTSTRAP_CERT",
    "KONNECTIVITY_AGENT_CLIENT_KEY",
    "KUBELET_BOOTSTRAP_TOKEN",
)
CLUSTER_UID = "4c6f892d16624b2f8e6a5e607010542f235fcc3527274e1281e18be0fd825590"
BASE = "gke-1335-gke1308000-cos-121-18867-199-88-c-pre"
POOL = PoolRef(ClusterRef("acme-gpu", "us-central1", "serving"), "l4")
COMPUTE = "https://www.googleapis.com/compute/v1"

KUBE_ENV = (
    'ALLOCATE_NODE_CIDRS: "true"\n'
    "AUTOSCALER_ENV_VARS: kube_reserved=cpu=1060m,memory=1019Mi;node_labels=cloud.google.com/gke-nodepool=l4,team=ml;"
    "node_taints=nvidia.com/gpu=present:NoSchedule;arch=amd64;os=linux;os_distribution=cos\n"
    + "".join(f"{key}: {CANARY_BASE64}\n" for key in SECRET_KEYS)
    + "KUBELET_ARGS: --v=2 --node-labels=cloud.google.com/gke-nodepool=l4,team=ml\n"
    "  --register-with-taints=nvidia.com/gpu=present:NoSchedule --max-pods=110\n"
    "KUBERNETES_MASTER_NAME: 10.0.0.2\n"
    "SERVER_BINARY_TAR_URL:\n"
    "  https://storage.googleapis.com/gke-release/kubernetes/v1.33.5/kubernetes-server-linux-amd64.tar.gz,\n"
    "  https://storage.googleapis.com/gke-release-eu/kubernetes/v1.33.5/kubernetes-server-linux-amd64.tar.gz\n"
    f'KUBELET_PEM: "-----BEGIN PRIVATE KEY-----\n\n{CANARY}: not a key\n\n-----END PRIVATE KEY-----"\n'
    'EXTRA_JSON: {"a": "b: c", "tab": "\\t"}\n'
    "ZZZ_LAST: no final newline"
)


def template(name: str = "gke-serving-l4-31a27d4b", **changed: Any) -> dict[str, Any]:
    """GKE's template. `changed` replaces properties; of `metadata` items by key, None taking one away."""
    metadata = {
        "cluster-location": "us-central1",
        "cluster-name": "serving",
        "cluster-uid": CLUSTER_UID,
        "configure-sh": "#!/bin/bash\necho hello\n",
        "kube-env": KUBE_ENV,
        "kube-labels": "cloud.google.com/gke-nodepool=l4,team=ml",
    } | changed.pop("metadata", {})
    created = changed.pop("created", "2026-11-01T03:04:05.678-07:00")
    description = changed.pop("description", "")
    boot_disk = {
        "sourceImage": f"{COMPUTE}/projects/gke-node-images/global/images/{BASE}",
        "diskSizeGb": "100",
        "diskType": "pd-balanced",
        "fieldOfTomorrow": {"kept": True},
    }
    return {
        "kind": "compute#instanceTemplate",
        "id": "28701103232323232",
        "creationTimestamp": created,
        "name": name,
        "description": description,
        "selfLink": f"{COMPUTE}/projects/acme-gpu/global/instanceTemplates/{name}",
        "properties": {
            "machineType": "g2-standard-8",
            "guestAccelerators": [{"acceleratorType": "nvidia-l4", "acceleratorCount": 1}],
            "tags": {"items": ["gke-serving-4c6f892d-node"], "fingerprint": "abc="},
            "disks": [
                {
                    "kind": "compute#attachedDisk",
                    "index": 0,
                    "type": "PERSISTENT",
                    "boot": True,
                    "autoDelete": True,
                    "licenses": ["projects/cos-cloud/global/licenses/cos"],
                    "initializeParams": boot_disk,
                }
            ],
            "networkInterfaces": [
                {
                    "kind": "compute#networkInterface",
                    "name": "nic0",
                    "network": "default",
                    "accessConfigs": [{"kind": "compute#accessConfig", "name": "external-nat"}],
                }
            ],
            "metadata": {
                "kind": "compute#metadata",
                "fingerprint": "F7n_RsHD3ng=",
                "items": [{"key": key, "value": value} for key, value in metadata.items() if value is not None],
            },
            "labels": {"goog-gke-node": "", "goog-k8s-node-pool-name": "l4"},
            "propertyOfTomorrow": [1, {"kept": "too"}],
            **changed,
        },
    }


def group(points_at: str = "gke-serving-l4-31a27d4b", **changed: Any) -> dict[str, Any]:
    """The pool's managed instance group in one zone."""
    link = f"{COMPUTE}/projects/acme-gpu/global/instanceTemplates/{points_at}"
    return {
        "name": "gke-serving-l4-d8f96253-grp",
        "zone": f"{COMPUTE}/projects/acme-gpu/zones/us-central1-a",
        "instanceTemplate": link,
        "versions": [{"instanceTemplate": link, "targetSize": {"calculated": 3}}],
        "fingerprint": "kfdsuH",
        "targetSize": 3,
        "updatePolicy": {"type": "OPPORTUNISTIC", "minimalAction": "REPLACE"},
        **changed,
    }


def image(run_id: int = 42, **changed: Any) -> dict[str, Any]:
    """A boot image of environment `dev`, built on the pool's base."""
    labels = {
        "poolwright-environment": "dev",
        "poolwright-run-id": str(run_id),
        "poolwright-source-image": BASE,
        "poolwright-gke-version": "1-33-5-gke-1308000",
    } | changed.pop("labels", {})
    return {
        "name": f"poolwright-dev-{run_id}",
        "selfLink": f"{COMPUTE}/projects/acme-gpu/global/images/poolwright-dev-{run_id}",
        "family": "poolwright-dev",
        "status": "READY",
        "architecture": "X86_64",
        "diskSizeGb": "50",
        "guestOsFeatures": [{"type": "UEFI_COMPATIBLE"}, {"type": "SEV_CAPABLE"}],
        "labels": {key: value for key, value in labels.items() if value is not None},
        **changed,
    }


def leaked(thing: object) -> bool:
    """Whether the canary can be read in what is printed of a thing, plain or base64."""
    printed = f"{thing!r} {thing!s}"
    if isinstance(thing, list | dict):
        printed += json.dumps(thing, default=repr)
    return CANARY in printed or CANARY_BASE64 in printed
