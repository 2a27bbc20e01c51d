"""The run ids of an environment in our store: the counter is the documents themselves."""

from __future__ import annotations

from typing import Any

import msgspec

from poolwright.builds.run import Run, decode, encode, key
from poolwright.services.ports import Build, Conflict, Ports
from poolwright.services.records import record
from poolwright.verdicts import Busy

COLLECTION = "runs"


def all_of(ports: Ports, environment: str) -> list[Run]:
    """The runs on record, oldest first."""
    found = [decode(stored.body) for stored in ports.store.beginning(COLLECTION, f"{environment}-")]
    return sorted((run for run in found if run.environment == environment), key=lambda run: run.run_id)


def find(ports: Ports, environment: str, run_id: int) -> Run | None:
    """One run."""
    stored = ports.store.get(COLLECTION, key(environment, run_id))
    return decode(stored.body) if stored else None


def in_vain(ports: Ports, environment: str) -> dict[int, str]:
    """The runs that came to nothing, whatever images they left: run id -> why, in a sentence."""
    return {
        run.run_id: f"Run {run.run_id} of {environment} came to nothing: {run.reason.rstrip('.')}."
        for run in all_of(ports, environment)
        if run.state in ("refused", "failed")
    }


def add(ports: Ports, run: Run) -> Run:
    """A new run; the number is nobody else's from here on. Busy where it is taken."""
    try:
        ports.store.put(COLLECTION, run.key, encode(run), version=None)
    except Conflict:
        raise Busy(f"run {run.run_id} of {run.environment} was taken by somebody else at this moment") from None
    return run


def change(ports: Ports, run: Run, **changes: Any) -> Run:
    """Write what changed, unless somebody else changed it since it was read; the run as it is then. Busy."""
    changed = msgspec.structs.replace(run, **changes)
    stored = ports.store.get(COLLECTION, run.key)
    if stored is not None and decode(stored.body) == changed:
        return changed
    if stored is None or decode(stored.body) != run:
        raise Busy(f"run {run.run_id} of {run.environment} was changed by somebody else at this moment")
    try:
        ports.store.put(COLLECTION, run.key, encode(changed), version=stored.version)
    except Conflict:
        raise Busy(f"run {run.run_id} of {run.environment} was changed by somebody else at this moment") from None
    return changed


def submitted(ports: Ports, run: Run, build: Build) -> Run:
    """Cloud Build has the run's build. Busy."""
    record(
        ports, kind="build", subject=run.key, environment=run.environment, once="submitted", cause=run.cause,
        requester=run.requester, what=f"build {build.id} submitted", after=build.id,
    )  # fmt: skip
    return change(ports, run, state="submitted", build_id=build.id)
