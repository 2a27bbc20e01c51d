"""The smoke Jobs of a rollout's wave in the clusters: found, started, cleared away.

In the cluster it needs, for the function's identity: jobs list, create, delete (batch), and pods list, in the
namespaces that the environment names.
"""

from __future__ import annotations

from collections.abc import Sequence

from poolwright.environments import Environment
from poolwright.references import ClusterRef
from poolwright.rollouts import smoke_jobs
from poolwright.rollouts.gates.evidence import BootedNode, SmokeRun
from poolwright.rollouts.rollout import Rollout
from poolwright.services.ports import Job, Ports
from poolwright.services.records import record


def find(ports: Ports, environment: Environment, rollout: Rollout, nodes: Sequence[BootedNode]) -> tuple[SmokeRun, ...]:
    """What the wave's Jobs say, and which are still to be started: one list a cluster and namespace. Weather."""
    wanted = environment.rollout.gates.smoke_jobs
    if not wanted or not nodes:
        return ()
    labels = smoke_jobs.labels(rollout.id, rollout.wave)
    there: list[tuple[str, Job]] = []
    for cluster in sorted({node.cluster for node in nodes}):
        kubernetes = ports.clusters.kubernetes(ClusterRef.parse(cluster))
        for namespace in sorted({job.namespace for job in wanted}):
            there += [(cluster, job) for job in kubernetes.jobs(namespace, labels=labels)]
    return tuple(
        run
        for number, job in enumerate(wanted)
        for run in smoke_jobs.runs(
            rollout.id,
            rollout.wave,
            number=number,
            namespace=job.namespace,
            accelerators=job.accelerators,
            nodes=nodes,
            there=there,
        )
    )


def start(ports: Ports, environment: Environment, rollout: Rollout, runs: Sequence[SmokeRun]) -> str:
    """Make the Jobs; a sentence. Weather."""
    for run in runs:
        job = environment.rollout.gates.smoke_jobs[run.number]
        body = smoke_jobs.manifest(
            run,
            rollout=rollout.id,
            wave=rollout.wave,
            image=job.image,
            command=job.command,
            timeout_seconds=job.timeout_seconds,
        )
        _note(ports, environment, rollout, f"starts smoke Job {run.job} on node {run.node} ({run.accelerator})")
        ports.clusters.kubernetes(ClusterRef.parse(run.cluster)).create_job(run.namespace, body)
    return f"smoke Jobs were started: {', '.join(run.job for run in runs)}"


def clear(ports: Ports, environment: Environment, rollout: Rollout, runs: Sequence[SmokeRun]) -> str:
    """Delete the Jobs that have done their work; a sentence. Weather."""
    for run in runs:
        _note(ports, environment, rollout, f"deletes smoke Job {run.job}, which has {run.state}")
        ports.clusters.kubernetes(ClusterRef.parse(run.cluster)).delete_job(run.namespace, run.job)
    return f"smoke Jobs were deleted: {', '.join(run.job for run in runs)}"


def _note(ports: Ports, environment: Environment, rollout: Rollout, what: str) -> None:
    record(
        ports, kind="smoke job", subject=rollout.id, what=what, environment=environment.name,
        cause=rollout.current.name, requester=rollout.requester, runId=rollout.run_id,
    )  # fmt: skip
