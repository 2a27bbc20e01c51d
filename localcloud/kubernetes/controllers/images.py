"""What a kubelet says about the images of a pod's containers while it starts them.

Wording: kubelet's image manager (https://github.com/kubernetes/kubernetes/blob/v1.33.5/pkg/kubelet/images/image_manager.go
and v1.35.0's, which adds a few words). Clients do well to match the beginning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from localcloud.kubernetes.clock import seconds
from localcloud.kubernetes.machines import Machines

if TYPE_CHECKING:
    from localcloud.kubernetes.controllers.kubelets import Reach

Json = dict[str, Any]


def missing(machines: Machines, pod: Json, node: Json) -> list[Json]:
    """The containers whose image is pulled first: it is not there, or the pod wants it looked up each time."""
    return [
        each
        for each in pod["spec"]["containers"]
        if each.get("imagePullPolicy") == "Always" or machines.image_bytes(node, each.get("image", "")) is None
    ]


def say_pulling(reach: Reach, machines: Machines, pod: Json, node: Json) -> None:
    """Once, when a pod was admitted."""
    for container in missing(machines, pod, node):
        _tell(reach, pod, node, container, "Pulling", f'Pulling image "{container.get("image", "")}"')


def say_pulled(reach: Reach, machines: Machines, pod: Json, node: Json) -> None:
    """Once, when its containers start."""
    took = _duration(reach.now() - seconds(pod["status"]["startTime"]))
    pulled = [each["name"] for each in missing(machines, pod, node)]
    for container in pod["spec"]["containers"]:
        image = container.get("image", "")
        if container["name"] in pulled:
            held = machines.image_bytes(node, image)
            size = machines.pulled(node, image) if held is None else held
            text = (
                f'Successfully pulled image "{image}" in {took} ({took} including waiting). Image size: {size} bytes.'
            )
        else:
            text = f'Container image "{image}" already present on machine{_accessible(node)}'
        _tell(reach, pod, node, container, "Pulled", text)


def _tell(reach: Reach, pod: Json, node: Json, container: Json, reason: str, message: str) -> None:
    field, host = f"spec.containers{{{container['name']}}}", node["metadata"]["name"]
    reach.tell(pod, reason, message, field=field, host=host)


def _accessible(node: Json) -> str:
    """Since 1.35 the kubelet also checks whether the pod may use the image."""
    found = re.match(r"v1\.(\d+)", ((node.get("status") or {}).get("nodeInfo") or {}).get("kubeletVersion", ""))
    return " and can be accessed by the pod" if found and int(found[1]) >= 35 else ""


def _duration(took: float) -> str:
    """As Go prints one: 1m10.5s, 350ms."""
    millis = max(0, round(took * 1000))
    if millis < 1000:
        return f"{millis}ms"
    minutes, rest = divmod(millis / 1000, 60)
    return (f"{int(minutes)}m" if minutes else "") + f"{rest:.3f}".rstrip("0").rstrip(".") + "s"
