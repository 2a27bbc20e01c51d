"""The scheduler: pending pods to nodes with room, the more important and older first, to the emptiest node."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from localcloud.kubernetes.clock import timestamp
from localcloud.kubernetes.controllers.controller import Controller, is_terminating
from localcloud.kubernetes.controllers.events import record
from localcloud.kubernetes.controllers.fitting import Amounts, allocatable, obstacles, requests, verdict
from localcloud.kubernetes.eviction import is_finished
from localcloud.kubernetes.objects import Objects, Options
from localcloud.kubernetes.subresources import bind, set_condition

Json = dict[str, Any]


class Scheduler(Controller):
    """Binds pods of `default-scheduler`; tells those that fit nowhere why."""

    keys = frozenset({"pods", "nodes"})

    def run(self, objects: Objects) -> float | None:
        pods = objects.store.table("pods")
        pending = [pod for pod in pods.values() if _is_waiting(pod)]
        if not pending:
            return None
        nodes = sorted(objects.store.table("nodes").values(), key=lambda node: str(node["metadata"]["name"]))
        total = {node["metadata"]["name"]: allocatable(node) for node in nodes}
        free = {name: dict(amounts) for name, amounts in total.items()}
        for pod in pods.values():
            _take(free.get(pod["spec"].get("nodeName", "")), pod)
        for pod in sorted(pending, key=_urgency):
            _schedule(objects, pod, nodes, total=total, free=free)
        return None


def _is_waiting(pod: Json) -> bool:
    spec = pod["spec"]
    if spec.get("nodeName") or is_terminating(pod) or spec.get("schedulingGates") or is_finished(pod):
        return False
    return bool(spec.get("schedulerName", "default-scheduler") == "default-scheduler")


def _urgency(pod: Json) -> tuple[int, str, int]:
    meta = pod["metadata"]
    return -int(pod["spec"].get("priority") or 0), meta["creationTimestamp"], int(meta["resourceVersion"])


def _take(free: Amounts | None, pod: Json) -> None:
    if free is not None and not is_finished(pod):
        for name, amount in requests(pod).items():
            free[name] = free.get(name, Decimal(0)) - amount


def _schedule(
    objects: Objects, pod: Json, nodes: list[Json], *, total: dict[str, Amounts], free: dict[str, Amounts]
) -> None:
    wanted = requests(pod)
    reasons: list[str] = []
    fitting: list[str] = []
    for node in nodes:
        name = node["metadata"]["name"]
        found = obstacles(pod, wanted, node, free[name])
        reasons += found
        if not found:
            fitting.append(name)
    if not fitting:
        _say_why_not(objects, pod, verdict(reasons, len(nodes)))
        return
    name = max(fitting, key=lambda name: _emptiness(total[name], free[name]))
    bind(objects, pod, {"target": {"name": name}}, Options())
    _take(free[name], pod)
    where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    record(objects, pod, "Scheduled", f"Successfully assigned {where} to {name}", component="default-scheduler")


def _emptiness(total: Amounts, free: Amounts) -> tuple[Decimal, Decimal]:
    """The free shares of processor and memory, then the room for pods."""
    shares = sum((free[name] / total[name] for name in ("cpu", "memory") if total.get(name)), Decimal(0))
    return shares, free.get("pods", Decimal(0))


def _say_why_not(objects: Objects, pod: Json, message: str) -> None:
    old: Json = next((c for c in pod["status"].get("conditions") or () if c["type"] == "PodScheduled"), {})
    if old.get("status") == "False" and old.get("message") == message:
        return
    status = dict(pod["status"])
    set_condition(status, {
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
        "lastProbeTime": None, "lastTransitionTime": timestamp(objects.now()),
    })  # fmt: skip
    objects.store.put("pods", {**pod, "status": status})
    record(objects, pod, "FailedScheduling", message, component="default-scheduler", warning=True)
