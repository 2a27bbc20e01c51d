"""What a provisioner sees of the world at one moment: plain values.

A GPU is one unit of any resource that a node offers its GPUs by: `nvidia.com/gpu`, shared GPUs among them, and
partitions (`nvidia.com/mig-<profile>`), one for each. So a partitioned or shared node has more of them than boards.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, order=True)
class GpuNode:
    """A node of one of the provisioner's groups.

    `gpus` are allocatable, `used` requested by pods, `gpu_pods` what each of those pods requests, in GPUs.
    `serves_them`: groups whose nodes would serve each of these pods, every group where it is empty.
    `duty_cycle` in percent, None where Monitoring has no fresh point.
    `movable` counts pods that would have to move: neither a DaemonSet's nor mirror pods.
    `objection` says why the node must not be emptied, empty where nothing speaks against it.
    `suspended`: its own ConfigMap says DrainAndSuspend.
    `spared_at`: when it was last in hand and let go, seconds since the epoch, 0 for never.
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
    spared_at: float = 0.0
    serves_them: frozenset[str] = frozenset()

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
    """An instance group of the provisioner. `name` as in its spec: `NAME` or `ZONE/NAME`.

    `members` counts all that are there or asked for, but not those that are being deleted.
    `on_the_way`: of these, members that are being made, and nodes that are there but whose GPUs are not allocatable
    yet. A node that was useful once and is no longer Ready is a member and is not on the way.
    `refusal` says why the group cannot grow now, empty where it can.
    `reserved_free`: nodes that an unused reservation would still give. `reserved`: its nodes consume one, so that they
    are the last to go. `gpus_per_node`: what a new node of it has, 0 where that is not known.
    """

    name: str
    members: int
    on_the_way: int = 0
    refusal: str = ""
    reserved_free: int = 0
    reserved: bool = False
    spot: bool = False
    gpus_per_node: int = 0


@dataclass(frozen=True)
class Observation:
    """Everything the decision may use. `groups` in the spec's order; `pending` is the GPUs each waiting pod asks for,
    of pods that would fit; `unknown` names what could not be read, and nothing shrinks while it is not empty. `choosy`:
    of the pending pods those that not every group would serve, each with its GPUs and the groups that would."""

    nodes: tuple[GpuNode, ...]
    groups: tuple[Group, ...]
    pending: tuple[int, ...]
    gpus_per_node: int
    unknown: tuple[str, ...] = ()
    choosy: tuple[tuple[int, frozenset[str]], ...] = ()

    @cached_property
    def serving(self) -> tuple[GpuNode, ...]:
        """Nodes that can run GPU pods now."""
        return tuple(node for node in self.nodes if node.serving)

    @cached_property
    def idle(self) -> int:
        """How many nodes serve and have no GPU pod."""
        return sum(node.idle for node in self.serving)

    @property
    def on_the_way(self) -> int:
        """Nodes bought and not yet useful."""
        return sum(group.on_the_way for group in self.groups)

    @property
    def members(self) -> int:
        """Members of all groups, coming ones included."""
        return sum(group.members for group in self.groups)

    @cached_property
    def going(self) -> int:
        """Nodes that are cordoned, not by a ConfigMap of their own: on their way out, or a person has them in hand."""
        return sum(node.cordoned and not node.suspended for node in self.nodes)

    @property
    def out_of_service(self) -> int:
        """Members that neither serve nor are on their way: cordoned, suspended, broken."""
        return max(0, self.members - len(self.serving) - self.on_the_way)

    @cached_property
    def gpus(self) -> int:
        """GPUs of the serving nodes."""
        return sum(node.gpus for node in self.serving)

    @cached_property
    def load(self) -> float:
        """What the GPUs of the serving nodes do, in percent of one GPU: 250 are two and a half busy GPUs. A node
        without a fresh point counts as 0, so this is the least that it may be."""
        # fsum is exact, so that the order of the nodes changes nothing.
        return math.fsum(node.gpus * (node.duty_cycle or 0.0) for node in self.serving)

    @cached_property
    def utilization(self) -> float | None:
        """Mean duty cycle of the serving GPUs in percent; None (unknown) as soon as one node has no fresh point."""
        if not self.serving or any(node.duty_cycle is None for node in self.serving):
            return None
        return self.load / self.gpus

    @cached_property
    def waiting(self) -> Counter[tuple[int, frozenset[str]]]:
        """How many pods wait for so many GPUs on a node of these groups; of any group where there are none."""
        choosy = Counter(self.choosy)
        free = Counter(self.pending)
        free.subtract(gpus for gpus, _ in choosy.elements())
        return choosy + Counter({(gpus, frozenset[str]()): count for gpus, count in free.items()})

    @cached_property
    def room(self) -> Counter[tuple[int, bool, str]]:
        """Nodes on which a waiting pod finds GPUs, those on their way included: how many have so many GPUs free,
        whether all of the node's are (an empty node), and in which group."""
        found = Counter((node.free, node.idle, node.group) for node in self.serving if node.free)
        for group in self.groups:
            if group.on_the_way:
                size = group.gpus_per_node or self.gpus_per_node
                found[size, True, group.name] += group.on_the_way
        return found
