"""What a provisioner sees of the world at one moment: plain values.

A GPU is one unit of any resource that a node offers its GPUs by: `nvidia.com/gpu`, shared GPUs among them, and
partitions (`nvidia.com/mig-<profile>`), one for each. So a partitioned or shared node has more of them than it has
boards, and nothing here compares nodes of different machines by their GPUs alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, order=True)
class GpuNode:
    """A node of one of the provisioner's groups.

    `gpus` are allocatable, `used` requested by pods, `gpu_pods` what each of those pods requests, in GPUs.
    `duty_cycle` in percent, None where Monitoring has no fresh point.
    `movable` counts pods that would have to move: neither a DaemonSet's nor mirror pods.
    `objection` says why the node must not be emptied, empty where nothing speaks against it.
    `suspended`: its own ConfigMap says DrainAndSuspend.
    """

    name: str
    group: str
    gpus: int
    used: int
    ready: bool = True
    cordoned: bool = False
    duty_cycle: float | None = None
    movable: int = 0
    objection: str = ""
    gpu_pods: tuple[int, ...] = ()
    suspended: bool = False

    @property
    def serving(self) -> bool:
        """Ready, open for pods, and its GPUs are allocatable."""
        return self.ready and not self.cordoned and not self.suspended and self.gpus > 0

    @property
    def idle(self) -> bool:
        """Serving, and no pod holds a GPU of it."""
        return self.serving and self.used == 0

    @property
    def free(self) -> int:
        """GPUs that a pod could have now."""
        return max(0, self.gpus - self.used) if self.serving else 0


@dataclass(frozen=True)
class Group:
    """An instance group of the provisioner.

    `members` counts all that are there or asked for, but not those that are being deleted.
    `on_the_way`: of these, members that are being made, and nodes that are there but whose GPUs are not allocatable
    yet. A node that was useful once and is no longer Ready is a member and is not on the way.
    `refusal` says why the group cannot grow now, empty where it can.
    `reserved_free`: nodes that an unused reservation would still give.
    """

    name: str
    members: int
    on_the_way: int = 0
    refusal: str = ""
    reserved_free: int = 0
    spot: bool = False
    gpus_per_node: int = 0


@dataclass(frozen=True)
class Observation:
    """Everything the decision may use. `groups` in the spec's order; `pending` is the GPUs each waiting pod asks for,
    of pods that would fit; `unknown` names what could not be read, and nothing shrinks while it is not empty."""

    nodes: tuple[GpuNode, ...]
    groups: tuple[Group, ...]
    pending: tuple[int, ...]
    gpus_per_node: int
    unknown: tuple[str, ...] = ()

    @cached_property
    def serving(self) -> tuple[GpuNode, ...]:
        """Nodes that can run GPU pods now."""
        return tuple(node for node in self.nodes if node.serving)

    @property
    def on_the_way(self) -> int:
        """Nodes bought and not yet useful."""
        return sum(group.on_the_way for group in self.groups)

    @property
    def members(self) -> int:
        """Members of all groups, coming ones included."""
        return sum(group.members for group in self.groups)

    @cached_property
    def utilization(self) -> float | None:
        """Mean duty cycle of the serving nodes in percent; None (unknown) as soon as one of them has no fresh point."""
        cycles = [node.duty_cycle for node in self.serving]
        known = [cycle for cycle in cycles if cycle is not None]
        return sum(known) / len(known) if known and len(known) == len(cycles) else None
