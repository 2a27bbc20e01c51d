"""STATE of an environment's clusters, as people look at it. Read-only."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from poolwright.references import ClusterRef
from poolwright.services import state
from poolwright.services.ports import Cluster, Missing, Ports, Weather
from poolwright.services.state import States

UNKNOWN = "unknown"


class NodeState(msgspec.Struct, frozen=True, kw_only=True):
    """A node with a ConfigMap of its own, and what that says."""

    node: str
    state: str


class ClusterState(msgspec.Struct, frozen=True, kw_only=True):
    """`state`: Running, DrainAndSuspend, or unknown where the cluster does not answer, or not to whoever asks;
    `reason`: why nothing begins there, or nothing is known, empty where it is Running."""

    cluster: str
    location: str
    state: str
    reason: str
    nodes: tuple[NodeState, ...]


def read(ports: Ports, clusters: Iterable[Cluster]) -> tuple[ClusterState, ...]:
    """One call a cluster; an Autopilot cluster has no nodes of ours."""
    return tuple(_seen(each.ref, _states(ports, each.ref)) for each in clusters if not each.autopilot)


def unknown(ref: ClusterRef, why: str) -> ClusterState:
    """Of a cluster that says nothing."""
    return ClusterState(cluster=ref.name, location=ref.location, state=UNKNOWN, reason=why, nodes=())


def _states(ports: Ports, ref: ClusterRef) -> States | str:
    """What is said, or why that is not known to whoever asks; the functions may know more."""
    try:
        found = state.of_cluster(ports, ref)
    except (Weather, Missing) as why:
        return f"the cluster does not answer: {str(why)[:200]}"
    return found if found.readable else f"you may not list the ConfigMaps of its namespace {state.NAMESPACE}"


def _seen(ref: ClusterRef, states: States | str) -> ClusterState:
    if isinstance(states, str):
        return unknown(ref, states)
    nodes = tuple(NodeState(node=name, state=word) for name, word in sorted(states.nodes.items()))
    return ClusterState(cluster=ref.name, location=ref.location, state=states.state, reason=states.problem, nodes=nodes)
