"""What a person should know of a group before it boots our image, and what is no reason not to."""

from __future__ import annotations

from poolwright.boot_images.resources import InstanceGroup, InstanceTemplate

# Labels that GKE gives its nodes, and the key by which a node's start script puts containerd's folder on the SSDs
# (`ensure-local-ssds-ephemeral-storage` in configure-helper.sh of
# https://github.com/kubernetes/kubernetes/tree/master/cluster/gce/gci).
_LOCAL_SSD_LABEL = "cloud.google.com/gke-ephemeral-storage-local-ssd"
_LOCAL_SSD_KEY = "NODE_LOCAL_SSDS_EPHEMERAL"
_STREAMING_LABELS = ("cloud.google.com/gke-image-streaming", "cloud.google.com/gke-gcfs")


def of(group: InstanceGroup, gke_template: InstanceTemplate) -> tuple[str, ...]:
    """As sentences; the template is GKE's."""
    found = []
    if group.update_type == "PROACTIVE":
        found.append(
            f"{group.name} has update type PROACTIVE: it replaces its nodes by itself, at its own pace and without "
            "draining them."
        )
    if _on_local_ssds(gke_template):
        found.append(
            "Local SSDs are the ephemeral storage: each node copies the pre-loaded containers onto them when it boots, "
            "which takes time and room there."
        )
    if any(gke_template.node_labels.get(label) == "true" for label in _STREAMING_LABELS):
        found.append(
            "Image streaming is on: it uses a snapshotter of its own, so the pre-loaded containers may go unused."
        )
    return tuple(found)


def _on_local_ssds(template: InstanceTemplate) -> bool:
    told = template.kube_env.get(_LOCAL_SSD_KEY) if template.kube_env else None
    return (told is not None and told.reveal() == "true") or template.node_labels.get(_LOCAL_SSD_LABEL) == "true"
