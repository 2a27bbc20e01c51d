"""Which smoke Jobs a wave needs, and what such a Job looks like: pure.

One for each of the environment's Jobs and each accelerator among the wave's nodes, on one node that booted our image.
Its name derives from rollout, wave, Job and node, so that making it again makes no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from poolwright.nodes import Job
from poolwright.rollouts.gates.evidence import BootedNode, SmokeRun

ROLLOUT = "compute.poolwright.dev/rollout"
WAVE = "compute.poolwright.dev/wave"
PREFIX = "poolwright-smoke-"
NUMBER = "compute.poolwright.dev/smoke-job"
KEPT_SECONDS = 3600  # a Job that failed, so that people can look at it
_LABEL_LENGTH = 63


def labels(rollout: str, wave: int) -> dict[str, str]:
    """By which a wave's Jobs are found again."""
    fits = rollout if len(rollout) <= _LABEL_LENGTH else hashlib.sha256(rollout.encode()).hexdigest()[:_LABEL_LENGTH]
    return {ROLLOUT: fits, WAVE: str(wave)}


def runs(
    rollout: str,
    wave: int,
    *,
    number: int,
    namespace: str,
    accelerators: Sequence[str],
    nodes: Iterable[BootedNode],
    there: Iterable[tuple[str, Job]],
) -> list[SmokeRun]:
    """What is to be seen of one of the environment's Jobs (its `number`; for these accelerators, or all if none).

    `there`: the wave's Jobs, each with the path of its cluster. A node that has a Job keeps it; one whose node is gone
    counts no more.
    """
    by_accelerator: dict[str, list[BootedNode]] = {}
    for node in sorted(nodes, key=lambda each: (each.cluster, each.name)):
        if node.accelerator and (not accelerators or node.accelerator in accelerators):
            by_accelerator.setdefault(node.accelerator, []).append(node)
    own = {
        (cluster, job.node): job
        for cluster, job in there
        if job.labels.get(NUMBER) == str(number) and job.namespace == namespace
    }
    return [
        _run(rollout, wave, number=number, namespace=namespace, accelerator=accelerator, nodes=among, own=own)
        for accelerator, among in sorted(by_accelerator.items())
    ]


def _run(
    rollout: str,
    wave: int,
    *,
    number: int,
    namespace: str,
    accelerator: str,
    nodes: Sequence[BootedNode],
    own: dict[tuple[str, str], Job],
) -> SmokeRun:
    for node in nodes:
        job = own.get((node.cluster, node.name))
        if job is not None:
            return SmokeRun(
                number=number, accelerator=accelerator, state=job.state, reason=job.reason, job=job.name,
                node=node.name, cluster=node.cluster, namespace=namespace,
            )  # fmt: skip
    free = [node for node in nodes if node.healthy and node.gpus_free]
    if not free:
        reason = f"no node with {accelerator} has a free GPU for a smoke Job"
        return SmokeRun(number=number, accelerator=accelerator, state="wanted", reason=reason)
    node = free[0]
    seed = f"{rollout}/{wave}/{number}/{node.cluster}/{node.name}"
    return SmokeRun(
        number=number,
        accelerator=accelerator,
        state="wanted",
        job=f"{PREFIX}{hashlib.sha256(seed.encode()).hexdigest()[:12]}",
        node=node.name,
        cluster=node.cluster,
        namespace=namespace,
        gpus=node.gpus_free,
    )


def manifest(
    run: SmokeRun, *, rollout: str, wave: int, image: str, command: Sequence[str], timeout_seconds: float
) -> dict[str, Any]:
    """The Job (https://kubernetes.io/docs/concepts/workloads/controllers/job/): one try, on that node whatever taints
    it has, with the GPUs that are free there; the end of a failed container's log is its reason."""
    own = {**labels(rollout, wave), NUMBER: str(run.number)}
    container = {
        "name": "smoke",
        "image": image,
        "imagePullPolicy": "IfNotPresent",  # so that its kubelet's event tells whether the image was pre-loaded
        "resources": {"limits": {"nvidia.com/gpu": str(run.gpus)}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    if command:
        container["command"] = list(command)
    pod = {
        "restartPolicy": "Never",
        "nodeSelector": {"kubernetes.io/hostname": run.node},
        "tolerations": [{"operator": "Exists"}],
        "automountServiceAccountToken": False,
        "containers": [container],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": run.job, "namespace": run.namespace, "labels": own},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": int(timeout_seconds),
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": own}, "spec": pod},
        },
    }
