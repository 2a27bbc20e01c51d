"""What people allow poolwright to do in a cluster: `STATE` of its ConfigMaps, read anew at every step that may begin
something. docs/operate.md says what each state means to whom.

| ConfigMap in namespace `poolwright` | whom its `STATE` is about |
|---|---|
| `poolwright` | the whole cluster |
| `poolwright-node-<node>` | that one node; wins over the cluster's |

Absent means Running. Another word, or ConfigMaps that may not be read, forbid to begin anything and empty no node:
nobody has asked for that. In the cluster it needs: configmaps list, in that namespace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from poolwright.nodes import ConfigMap
from poolwright.references import ClusterRef
from poolwright.services.ports import Kubernetes, Ports, Rejected

NAMESPACE = "poolwright"
NAME = "poolwright"
OF_NODE = "poolwright-node-"
KEY = "STATE"
RUNNING = "Running"
SUSPENDED = "DrainAndSuspend"
HOLDER = "state/"  # how the holder begins in whose name a suspended node is cordoned


@dataclass(frozen=True)
class States:
    """Of one cluster. `problem`: why nothing may begin there, empty where it may; `nodes`: the word of each node
    that has a ConfigMap of its own; `versions`: of those, when they were changed last, as Kubernetes counts;
    `readable`: whether anything is known at all."""

    problem: str = ""
    nodes: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    readable: bool = True

    @property
    def state(self) -> str:
        """The cluster's, in a word: Running or DrainAndSuspend, whichever is in force."""
        return SUSPENDED if self.problem else RUNNING

    @property
    def suspended(self) -> frozenset[str]:
        """The nodes that are to be empty and left alone."""
        return frozenset(name for name, word in self.nodes.items() if word == SUSPENDED)

    def forbids(self, node: str) -> str:
        """Why nothing may begin at this node, empty where it may."""
        word = self.nodes.get(node)
        if word is None:
            return self.problem
        return "" if word == RUNNING else _sentence(OF_NODE + node, word)

    def holder(self, node: str) -> str:
        """In whose name the suspended node is cordoned: another one each time that somebody suspends it."""
        return f"{HOLDER}{OF_NODE}{node}@{self.versions[node]}"


def read(kubernetes: Kubernetes) -> States:
    """One call. Weather."""
    try:
        found = kubernetes.config_maps(NAMESPACE)
    except Rejected as why:
        problem = f"the ConfigMaps of namespace {NAMESPACE} cannot be read, so nothing begins: {str(why)[:200]}"
        return States(problem=problem, readable=False)
    return of(found)


def of_cluster(ports: Ports, ref: ClusterRef) -> States:
    """One call. Weather."""
    return read(ports.clusters.kubernetes(ref))


def of(found: list[ConfigMap]) -> States:
    """What these ConfigMaps say."""
    problem = ""
    nodes, versions = {}, {}
    for each in found:
        word = each.data.get(KEY, "").strip()
        if each.name == NAME and word not in ("", RUNNING):
            problem = _sentence(NAME, word)
        if each.name.startswith(OF_NODE) and word:
            name = each.name.removeprefix(OF_NODE)
            nodes[name], versions[name] = word, each.version
    return States(problem=problem, nodes=nodes, versions=versions)


def _sentence(name: str, word: str) -> str:
    if word == SUSPENDED:
        return f"ConfigMap {NAMESPACE}/{name} says {SUSPENDED}; set its {KEY} to {RUNNING} to go on"
    return f"ConfigMap {NAMESPACE}/{name} says {word[:40]!r}, which is neither {RUNNING} nor {SUSPENDED}; correct it"
