"""Every NodeProvisioner of every cluster, as people look at it: what it is told, what it sees, what it decided last and
why, and what would change that. Read-only.

Calls: one a cluster to find it and one (in pages) to list them there; of the store one, whatever there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec

from poolwright.references import ClusterRef
from poolwright.services import memory, stop
from poolwright.services.at_once import Unknown, at_once
from poolwright.services.ports import Json, Ports


class InHand(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A node that is being emptied, since when (seconds since the epoch) and why."""

    node: str
    began: float
    reason: str


class GroupSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An instance group of a provisioner. `members`: those that are there or asked for, None where nobody has said;
    `trouble`: why it cannot grow now, empty where it can."""

    name: str
    members: int | None
    on_the_way: int
    trouble: str


class ProvisionerSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A provisioner. What its status does not say is None or empty: in mode observe it has none. `ready` is True, False
    or empty; `word` and `message` say why; `action`, `target`, `why`, `would_change_if` and `since` (RFC 3339) are the
    last decision's."""

    name: str
    mode: str
    state: str
    min_nodes: int
    max_nodes: int
    min_utilization: float | None
    max_utilization: float | None
    ready: str
    word: str
    message: str
    nodes: int | None
    ready_nodes: int | None
    on_the_way: int | None
    gpus: int | None
    gpus_used: int | None
    pending_gpus: int | None
    utilization: float | None
    unknown: tuple[str, ...]
    action: str
    target: int | None
    why: str
    would_change_if: str
    since: str
    groups: tuple[GroupSeen, ...]
    in_hand: tuple[InHand, ...]


class ClusterSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A cluster; `unknown`: why nothing is known of its provisioners, empty where it is."""

    cluster: str
    location: str
    unknown: str
    provisioners: tuple[ProvisionerSeen, ...]


class EnvironmentSeen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An environment; in mode observe nobody writes a provisioner's status."""

    environment: str
    mode: str
    clusters: tuple[ClusterSeen, ...]


class Provisioners(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`as_of` in seconds since the epoch; `stopped`: why nothing is done anywhere, empty where it may be."""

    as_of: float
    stopped: str
    environments: tuple[EnvironmentSeen, ...]


def read(ports: Ports) -> Provisioners:
    """Those of every cluster. Weather where the store does not answer."""
    as_of, stopped = ports.clock.now(), stop.stopped(ports)
    memories = memory.known(ports)
    refs = {ref for environment in ports.environments for ref in environment.cluster_refs()}
    found = at_once({ref: partial(_listed, ports, ref) for ref in sorted(refs)})
    return Provisioners(
        as_of=as_of,
        stopped=stopped,
        environments=tuple(
            EnvironmentSeen(
                environment=environment.name,
                mode=environment.mode,
                clusters=tuple(_cluster(ref, found[ref], memories) for ref in environment.cluster_refs()),
            )
            for environment in ports.environments
        ),
    )


def _listed(ports: Ports, ref: ClusterRef) -> list[Json]:
    return ports.clusters.kubernetes(ref).provisioners()


def _cluster(ref: ClusterRef, found: list[Json] | Unknown, memories: Mapping[str, memory.Memory]) -> ClusterSeen:
    known = [] if isinstance(found, Unknown) else found
    return ClusterSeen(
        cluster=ref.name,
        location=ref.location,
        unknown=found.why if isinstance(found, Unknown) else "",
        provisioners=tuple(seen(each, memories.get(memory.key(ref, each["metadata"]["name"]))) for each in known),
    )


def seen(body: Json, remembered: memory.Memory | None) -> ProvisionerSeen:
    """From the object, whoever wrote it: what is not as it should be is left out."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    observed, decided = status.get("observed") or {}, status.get("lastDecision") or {}
    ready: Json = next((each for each in status.get("conditions") or [] if each.get("type") == "Ready"), {})
    return ProvisionerSeen(
        name=body["metadata"]["name"],
        mode=status.get("mode") or spec.get("mode") or "",
        state=status.get("state") or "",
        min_nodes=spec.get("minNodes") or 0,
        max_nodes=spec.get("maxNodes") or 0,
        min_utilization=spec.get("minGPUUtilizationPercent"),
        max_utilization=spec.get("maxGPUUtilizationPercent"),
        ready=ready.get("status") or "",
        word=ready.get("reason") or "",
        message=ready.get("message") or "",
        nodes=observed.get("nodes"),
        ready_nodes=observed.get("ready"),
        on_the_way=observed.get("onTheWay"),
        gpus=observed.get("gpus"),
        gpus_used=observed.get("gpusUsed"),
        pending_gpus=observed.get("pendingGPUs"),
        utilization=observed.get("gpuUtilizationPercent"),
        unknown=tuple(observed.get("unknown") or ()),
        action=decided.get("action") or "",
        target=decided.get("target"),
        why=decided.get("reason") or "",
        would_change_if=decided.get("wouldChangeIf") or "",
        since=decided.get("time") or "",
        groups=_groups(spec, status),
        in_hand=tuple(
            InHand(node=each.node, began=each.began, reason=each.reason)
            for each in (remembered.drains if remembered else ())
        ),
    )


def _groups(spec: Json, status: Json) -> tuple[GroupSeen, ...]:
    said = {each.get("name"): each for each in status.get("groups") or []}
    return tuple(_group(name, said.get(name, {})) for name in spec.get("existingInstanceGroupNames") or [])


def _group(name: str, said: Json) -> GroupSeen:
    dry = f"no stock; asked again at {said['stockedOutUntil']}" if said.get("stockedOutUntil") else ""
    return GroupSeen(
        name=name,
        members=said.get("members"),
        on_the_way=said.get("onTheWay") or 0,
        trouble=". ".join(filter(None, (said.get("refusal"), dry))),
    )
