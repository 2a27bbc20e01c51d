"""An environment's clusters and instance groups as the APIs have them now: what every read-only look begins with."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from poolwright.boot_images.resources import InstanceGroup
from poolwright.references import ClusterRef, GroupRef, last_part
from poolwright.services.at_once import Unknown, at_once
from poolwright.services.ports import Cluster, Listed, Missing, NodePool, Ports
from poolwright.verdicts import Refused

if TYPE_CHECKING:
    from poolwright.environments import Environment

_SHOWN = 20  # names in one message


@dataclass(frozen=True)
class Member:
    """An instance group behind a node pool. `group` is None where Compute does not list what GKE names; then `absence`
    says in a sentence what that means."""

    ref: GroupRef
    cluster: Cluster
    pool: NodePool
    group: InstanceGroup | None
    absence: str = ""


@dataclass(frozen=True)
class Fleet:
    """`missing`: clusters of the environment that GKE does not know; `unknown`: those of which it says nothing now, and
    why."""

    clusters: tuple[Cluster, ...]
    missing: tuple[ClusterRef, ...]
    groups: Mapping[GroupRef, InstanceGroup]
    listed: Listed
    unknown: Mapping[ClusterRef, str] = field(default_factory=dict)

    def members(self) -> Iterator[Member]:
        """Every instance group of a node pool with GPUs: the only ones that are ever changed."""
        for cluster in self.clusters:
            for pool in cluster.pools:
                if pool.takes_boot_images:
                    for ref in pool.groups:
                        group = self.groups.get(ref)
                        yield Member(ref, cluster, pool, group, "" if group else self._absence(ref))

    def _absence(self, ref: GroupRef) -> str:
        if not self.listed.knows(ref.zone):
            return f"Compute does not answer for zone {ref.zone} just now."
        return "Compute does not list the group: GKE is making or deleting it."


def look(ports: Ports, environment: Environment) -> Fleet:
    """One call for each cluster, and one (in pages) for all groups of the project. Weather."""
    clusters, missing = [], []
    for ref in environment.cluster_refs():
        try:
            clusters.append(ports.gke.cluster(ref))
        except Missing:
            missing.append(ref)
    listed = ports.compute.groups(environment.project) if clusters else Listed(())
    return Fleet(tuple(clusters), tuple(missing), _groups(environment.project, listed), listed)


def glance(ports: Ports, environment: Environment) -> Fleet:
    """The same calls, all at once, and no error: of what does not answer nothing is known, and the rest is as it is."""
    project = environment.project
    refs = environment.cluster_refs()
    reads: dict[ClusterRef | str, Callable[[], Cluster | Listed | None]] = {
        ref: partial(_cluster, ports, ref) for ref in refs
    }
    answers = at_once(reads | {project: partial(ports.compute.groups, project)})
    listed = answers.pop(project)
    if not isinstance(listed, Listed):
        listed = Listed((), frozenset({Listed.EVERYWHERE}))
    return Fleet(
        clusters=tuple(each for each in answers.values() if isinstance(each, Cluster)),
        missing=tuple(ref for ref in refs if answers[ref] is None),
        groups=_groups(project, listed),
        listed=listed,
        unknown={ref: each.why for ref in refs if isinstance(each := answers[ref], Unknown)},
    )


def _cluster(ports: Ports, ref: ClusterRef) -> Cluster | None:
    try:
        return ports.gke.cluster(ref)
    except Missing:
        return None


def _groups(project: str, listed: Listed) -> dict[GroupRef, InstanceGroup]:
    return {GroupRef(project, last_part(each["zone"]), each["name"]): InstanceGroup(each) for each in listed}


def chosen(fleet: Fleet, names: Sequence[str], *, environment: str) -> tuple[GroupRef, ...]:
    """The groups of these names, all where none is given. Refused for a name that no group with GPUs has."""
    known = [member.ref for member in fleet.members()]
    if not names:
        return tuple(known)
    unknown = [name for name in names if not any(last_part(name) == ref.name for ref in known)]
    if unknown:
        raise Refused(
            "groups", f"{environment} has no instance group {', '.join(unknown)}", _what_would_do(unknown, known)
        )
    wanted = {last_part(name) for name in names}
    return tuple(ref for ref in known if ref.name in wanted)


def _what_would_do(unknown: Sequence[str], known: Sequence[GroupRef]) -> str:
    names = sorted(ref.name for ref in known)
    if not names:
        return "None of its node pools has GPUs, so it has no group that could be changed"
    near = list(dict.fromkeys(name for each in unknown for name in difflib.get_close_matches(each, names, n=2)))
    nearest = f"Nearest: {', '.join(near)}. " if near else ""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{nearest}Known: {', '.join(names[:_SHOWN])}{more}"
