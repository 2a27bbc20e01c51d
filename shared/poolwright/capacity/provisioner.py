"""`NodeProvisioner` (group compute.poolwright.dev): which instance groups, which GPU capacity rules.

`manifests/base/nodeprovisioners.yaml` says the same to the cluster, which refuses at once what would be refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from poolwright import shape
from poolwright.shape import Found, problems_of
from poolwright.windows import Window

GROUP = "compute.poolwright.dev"
LABEL = f"{GROUP}/provisioner-name"

_ZONE = r"[a-z]+(-[a-z]+)+[0-9]+-[a-z][a-z0-9]*"
_NAME = r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"
GroupName = Annotated[
    str,
    Meta(
        pattern=f"^({_ZONE}/)?{_NAME}$",
        max_length=127,
        extra={"wanted": "NAME or ZONE/NAME of an instance group, such as us-central1-a/gke-serving-l4-0a1b2c3d-grp"},
    ),
]
Percent = Annotated[float, Meta(ge=0, le=100)]
Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[int, Meta(ge=0)]
Care = Literal["forbid", "evict"]


class BadProvisioner(Exception):
    """The object's spec cannot be used; the text names the field and what would do."""


class Cooldowns(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How long a change is left to show what it does."""

    scale_up_seconds: Annotated[
        Seconds, Meta(description="How long after nodes were asked for more are asked for at the earliest.")
    ] = 0
    scale_down_seconds: Annotated[
        Seconds, Meta(description="How long after the last change of capacity a node is taken away at the earliest.")
    ] = 300


class DrainRules(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How a node is emptied, and which pods keep it."""

    timeout_seconds: Annotated[
        int, Meta(ge=1, description="How long emptying a node may take; then it is given up and opened again.")
    ] = 600
    bare_pods: Annotated[
        Care,
        Meta(
            description="A pod without a controller: nothing makes it again. It keeps its node (forbid), or is evicted."
        ),
    ] = "forbid"
    local_storage: Annotated[
        Care,
        Meta(
            description="A pod with data on its node (emptyDir, hostPath): it keeps its node (forbid), or is evicted."
        ),
    ] = "forbid"


class Floor(Window, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=False):
    """A time of the week during which there are at least so many nodes."""

    min_nodes: Annotated[Count, Meta(description="The least number of nodes while it is open.")]


class Spec(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The rules. Percentages are of the mean duty cycle of the provisioner's GPUs; nodes count over all groups."""

    existing_instance_group_names: Annotated[
        tuple[GroupName, ...],
        Meta(
            min_length=1,
            max_length=20,
            description="Instance groups whose nodes it adds and removes, the preferred one first: NAME, or ZONE/NAME.",
        ),
    ]
    mode: Annotated[
        Literal["observe", "offer", "act"],
        Meta(
            description="Record what would be done (observe), show it here too (offer), or do it. The environment's "
            "mode holds where it is the more careful."
        ),
    ] = "act"
    min_gpu_utilization_percent: Annotated[
        Percent | None, Meta(description="Below it nodes are taken away; none for that reason where it is absent.")
    ] = msgspec.field(default=None, name="minGPUUtilizationPercent")
    max_gpu_utilization_percent: Annotated[
        Percent | None, Meta(description="Above it nodes are added; none for that reason where it is absent.")
    ] = msgspec.field(default=None, name="maxGPUUtilizationPercent")
    min_unutilized_gpu_nodes: Annotated[
        Count, Meta(description="Nodes that are kept ready with all their GPUs free.")
    ] = msgspec.field(default=0, name="minUnutilizedGPUNodes")
    min_nodes: Annotated[Count, Meta(description="The least number of nodes.")] = 0
    max_nodes: Annotated[int, Meta(ge=1, description="The greatest number of nodes.")]
    order: Annotated[
        Literal["priority", "price"],
        Meta(
            description="Which group grows first and shrinks last: the first in the list, or the cheapest. Unused "
            "reservations come before both."
        ),
    ] = "priority"
    price_per_node_hour: Annotated[
        dict[str, Annotated[float, Meta(ge=0)]],
        Meta(description="What a node of a group costs an hour, in any currency; of every group where order is price."),
    ] = {}
    cooldowns: Annotated[Cooldowns, Meta(description="How long a change is left to show what it does.")] = Cooldowns()
    drain: Annotated[DrainRules, Meta(description="How a node is emptied, and which pods keep it.")] = DrainRules()
    schedule: Annotated[
        tuple[Floor, ...],
        Meta(max_length=20, description="Times of the week with a higher minNodes; the highest that is open holds."),
    ] = ()


class Provisioner(msgspec.Struct, frozen=True, kw_only=True):
    """One object: its name and its rules."""

    name: str
    spec: Spec


def decode(body: Mapping[str, Any]) -> Provisioner:
    """From the custom resource's JSON. BadProvisioner, with everything that is wrong."""
    name = body.get("metadata", {}).get("name", "")
    spec, problems = shape.read(body.get("spec", {}), Spec, page="docs/provisioners.md")
    if problems or spec is None:
        said = "; ".join(f"spec.{problem}" if problem.path else f"spec: {problem}" for problem in problems)
        raise BadProvisioner(f"NodeProvisioner {name}: {said}; kubectl edit nodeprovisioner {name}")
    return Provisioner(name=name, spec=spec)


@problems_of.register
def _(spec: Spec) -> Found:
    groups, most = spec.existing_instance_group_names, f"maxNodes, which is {spec.max_nodes}"
    for place, group in enumerate(groups):
        if any(other == group or other.endswith(f"/{group}") for other in (*groups[:place], *groups[place + 1 :])):
            yield f"existingInstanceGroupNames[{place}]", f"{group} is there twice; once is enough"
    low, high = spec.min_gpu_utilization_percent, spec.max_gpu_utilization_percent
    if low is not None and high is not None and low >= high:
        yield "minGPUUtilizationPercent", f"{low:g} is not below maxGPUUtilizationPercent, which is {high:g}; lower it"
    if spec.min_nodes > spec.max_nodes:
        yield "minNodes", f"{spec.min_nodes} is above {most}; lower it", "maxNodes"
    if spec.min_unutilized_gpu_nodes > spec.max_nodes:
        yield "minUnutilizedGPUNodes", f"{spec.min_unutilized_gpu_nodes} is above {most}; lower it", "maxNodes"
    for place, floor in enumerate(spec.schedule):
        if floor.min_nodes > spec.max_nodes:
            yield f"schedule[{place}].minNodes", f"{floor.min_nodes} is above {most}; lower it", "maxNodes"
    for group in spec.price_per_node_hour:
        if group not in groups:
            yield f"pricePerNodeHour.{group}", "it is no group of existingInstanceGroupNames; write it as it is there"
    if spec.order == "price" and (missing := [group for group in groups if group not in spec.price_per_node_hour]):
        yield "pricePerNodeHour", f"order is price, and {', '.join(missing)} has none; give each group's", "order"
