"""Whether a pod may run on a node: selectors, affinity, taints, resources. Pure.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/ and the filter plugins of kube-scheduler, whose
reasons these are. Pod affinity, topology spread and volumes are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from localcloud.kubernetes.quantities import number
from localcloud.kubernetes.selectors import holds

Json = dict[str, Any]
Amounts = dict[str, Decimal]

UNSCHEDULABLE = "node.kubernetes.io/unschedulable"


def requests(pod: Json) -> Amounts:
    """What a pod asks for: the sum of its containers, no less than any init container, and one of `pods`."""
    total: Amounts = {"pods": Decimal(1)}
    for container in pod["spec"].get("containers") or ():
        for name, amount in _requested(container):
            total[name] = total.get(name, Decimal(0)) + amount
    for container in pod["spec"].get("initContainers") or ():
        for name, amount in _requested(container):
            total[name] = max(total.get(name, Decimal(0)), amount)
    return total


def _requested(container: Json) -> Iterator[tuple[str, Decimal]]:
    wanted = (container.get("resources") or {}).get("requests") or {}
    return ((name, number(str(amount))) for name, amount in wanted.items())


def allocatable(node: Json) -> Amounts:
    """What a node has to give."""
    amounts = (node.get("status") or {}).get("allocatable") or {}
    return {name: number(str(amount)) for name, amount in amounts.items()}


def tolerates(tolerations: list[Json], taint: Json) -> bool:
    """Whether any toleration bears a taint."""
    return any(_bears(toleration, taint) for toleration in tolerations)


def _bears(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")


def untolerated(pod: Json, node: Json, effects: tuple[str, ...] = ("NoSchedule", "NoExecute")) -> Json | None:
    """The first taint that keeps a pod away."""
    tolerations = pod["spec"].get("tolerations") or []
    taints = (node.get("spec") or {}).get("taints") or ()
    return next((t for t in taints if t["effect"] in effects and not tolerates(tolerations, t)), None)


def matches(pod: Json, node: Json) -> bool:
    """Whether nodeSelector and required node affinity choose a node."""
    labels = node["metadata"].get("labels") or {}
    selector = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in selector.items()):
        return False
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    needed = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not needed:
        return True
    return any(_term(term, labels, node["metadata"]["name"]) for term in needed.get("nodeSelectorTerms") or ())


def _term(term: Json, labels: Json, name: str) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return all(_holds(e, labels) for e in expressions) and all(_holds(f, {"metadata.name": name}) for f in fields)


def _holds(expression: Json, labels: Json) -> bool:
    return holds(labels, expression["key"], expression["operator"], set(expression.get("values") or ()))


def obstacles(pod: Json, wanted: Amounts, node: Json, free: Amounts) -> list[str]:
    """Why a pod that requests `wanted` cannot go to a node, in the scheduler's words; empty when it can."""
    spec = node.get("spec") or {}
    own = {"key": UNSCHEDULABLE, "effect": "NoSchedule"}
    if spec.get("unschedulable") and not tolerates(pod["spec"].get("tolerations") or [], own):
        return ["node(s) were unschedulable"]
    if taint := untolerated(pod, node):
        return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"]
    if not matches(pod, node):
        return ["node(s) didn't match Pod's node affinity/selector"]
    short = [name for name, amount in wanted.items() if amount > free.get(name, Decimal(0)) and amount > 0]
    return ["Too many pods" if name == "pods" else f"Insufficient {name}" for name in short]


def verdict(reasons: list[str], nodes: int) -> str:
    """The message of a pod that fits nowhere, from the reasons of every node."""
    if not nodes:
        return "no nodes available to schedule pods"
    counted = sorted(f"{reasons.count(reason)} {reason}" for reason in set(reasons))
    return f"0/{nodes} nodes are available: {', '.join(counted)}."
