"""An environment's builds, as our store and Cloud Build know them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from poolwright.builds import boot_image
from poolwright.builds.run import BY_HAND, Run, run_id_of
from poolwright.references import last_part
from poolwright.services import image_built, runs
from poolwright.services.ports import Build, Ports

if TYPE_CHECKING:
    from poolwright.environments import Environment

SINCE_SECONDS = 7 * 86400.0  # whatever is older and not on record is nobody's question any more


class Seen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A build. `run_id` is 0 and `state` is refused where it could not be trusted; `state` is as in builds/run.py,
    `status` as Cloud Build says, empty where it has not heard of it; times in seconds since the epoch, 0 for not yet.
    """

    run_id: int
    state: str
    build_id: str
    status: str
    source_image: str
    image: str
    requester: str
    requested: float
    ended: float
    reason: str
    log_url: str


class Builds(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first."""

    environment: str
    builds: tuple[Seen, ...]


def listed(ports: Ports, environment: Environment) -> Builds:
    """Every run on record, builds that go on and are not on record yet, and builds that were not trusted. Weather."""
    since = ports.clock.now() - SINCE_SECONDS
    going_on = ports.cloud_build.builds(
        environment.project, environment.build_location, tags=boot_image.tags(environment.name), since=since
    )
    known = {build.id: build for build in going_on}
    told = {stored.key: stored.body for stored in ports.store.all(image_built.COLLECTION)}
    of_runs = runs.all_of(ports, environment.name)
    found = [_of_run(run, known.get(run.build_id), told.get(run.build_id, {})) for run in of_runs]
    on_record = {run.build_id for run in of_runs} | {run.run_id for run in of_runs}
    for build in going_on:
        run_id = run_id_of(build.substitutions.get("_RUN_ID", ""))
        if not build.ended and build.id not in on_record and run_id not in on_record:
            found.append(_by_hand(build, run_id))
    found += [
        _refused(key, body)
        for key, body in told.items()
        if body["environment"] == environment.name and not body["runId"] and "outcome" in body
    ]
    newest_first = sorted(found, key=lambda each: (each.requested, each.run_id), reverse=True)
    return Builds(environment=environment.name, builds=tuple(newest_first))


def _of_run(run: Run, build: Build | None, told: dict[str, str]) -> Seen:
    return Seen(
        run_id=run.run_id,
        state=run.state,
        build_id=run.build_id,
        status=build.status if build else told.get("status", ""),
        source_image=last_part(run.source_image),
        image=run.image if run.state == "built" else "",
        requester=run.requester,
        requested=run.requested,
        ended=run.ended,
        reason=run.reason,
        log_url=build.log_url if build else told.get("logUrl", ""),
    )


def _by_hand(build: Build, run_id: int) -> Seen:
    return Seen(
        run_id=run_id,
        state="submitted",
        build_id=build.id,
        status=build.status,
        source_image=last_part(build.substitutions.get("_SOURCE_IMAGE", "")),
        image="",
        requester=BY_HAND,
        requested=build.created,
        ended=0,
        reason="",
        log_url=build.log_url,
    )


def _refused(build_id: str, body: dict[str, object]) -> Seen:
    at = body["at"]
    return Seen(
        run_id=0,
        state="refused",
        build_id=build_id,
        status=str(body["status"]),
        source_image="",
        image="",
        requester="",
        requested=at if isinstance(at, float) else 0,
        ended=at if isinstance(at, float) else 0,
        reason=str(body["why"]),
        log_url=str(body["logUrl"]),
    )
