"""What a provisioner sees of the world at one moment: plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class GpuNode:
    """A node of one of the provisioner's groups. `gpus` allocatable, `used` requested by pods, both counted;
    `duty_cycle` in percent, None where Monitoring has no fresh point."""

    name: str
    group: str
    gpus: int
    used: int
    ready: bool = True
    cordoned: bool = False
    duty_cycle: float | None = None

    @property
    def serving(self) -> bool:
        """Ready, open for pods, and its GPUs are allocatable."""
        return self.ready and not self.cordoned and self.gpus > 0

    @property
    def idle(self) -> bool:
        """Serving, and no pod holds a GPU of it."""
        return self.serving and self.used == 0


@dataclass(frozen=True)
class Group:
    """An instance group in the provisioner's order of preference. `on_the_way` counts members that are being made,
    and nodes that are there but whose GPUs are not allocatable yet."""

    name: str
    members: int
    on_the_way: int = 0
    refusal: str = ""


@dataclass(frozen=True)
class Observation:
    """Everything the decision may use. `pending` is the GPUs each waiting pod asks for, of pods that would fit."""

    nodes: tuple[GpuNode, ...]
    groups: tuple[Group, ...]
    pending: tuple[int, ...]
    gpus_per_node: int

    @property
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

    @property
    def utilization(self) -> float | None:
        """Mean duty cycle of the serving nodes in percent; None (unknown) as soon as one of them has no fresh point."""
        cycles = [node.duty_cycle for node in self.serving]
        known = [cycle for cycle in cycles if cycle is not None]
        return sum(known) / len(known) if known and len(known) == len(cycles) else None
