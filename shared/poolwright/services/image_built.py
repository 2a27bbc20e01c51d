"""A build of ours ended: its image is checked and recorded, and its rollout started or offered.

Accepted is what our build identity built in our project for a run of ours, or for a run id that nobody had: then the
build counts as that run (docs/designs/run-ids-and-builds.md). Everything else is on record with the reason.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from poolwright import environments
from poolwright.boot_images.image import RUN_ID, BootImage
from poolwright.builds import acceptance
from poolwright.builds.boot_image import TAG as TAG
from poolwright.builds.run import BY_HAND, Run, State, image_name, run_id_of
from poolwright.environments import Environment
from poolwright.events.cloud_build import BuildStatus
from poolwright.references import last_part
from poolwright.services import known_rollouts, runs, start_rollout, stop
from poolwright.services.ports import Build, Conflict, Json, Missing, Ports
from poolwright.services.records import record
from poolwright.verdicts import Busy, Irrelevant, Refused

COLLECTION = "builds"


def handle(event: BuildStatus, ports: Ports) -> str:
    """Confirm the build with Cloud Build, then take it. Irrelevant, Refused, Weather."""
    if event.product != TAG:
        raise Irrelevant(f"a {event.product} build is not a boot image")
    name = event.substitutions.get("_ENV", "")
    environment = environments.by_name(ports.environments, name)
    if environment is None:
        known = ", ".join(each.name for each in ports.environments)
        raise Refused("substitutions._ENV", f"there is no environment {name!r}", f"Use one of: {known}")
    record(
        ports,
        kind="build heard",
        subject=environment.name,
        environment=environment.name,
        what=f"Cloud Build told of build {event.build_id[:8]}: {event.status}",
        cause=f"{event.subscription} {event.build_id}",
    )
    if why := stop.stopped(ports):
        return f"build {event.build_id} is left to a later tick: {why}"
    if ports.store.get(COLLECTION, event.build_id) is not None:
        return f"build {event.build_id} was taken already"
    try:
        build = ports.cloud_build.build(environment.project, environment.build_location, event.build_id)
    except Missing:
        raise Refused(
            "id",
            f"Cloud Build knows no build {event.build_id} in {environment.project}, {environment.build_location}",
            "Only Cloud Build should publish to this topic; if it is real, correct the environment's buildLocation",
        ) from None
    return take(ports, environment=environment, build=build, cause=f"{event.subscription} {event.build_id}")


def take(ports: Ports, *, environment: Environment, build: Build, cause: str) -> str:
    """What the API says of the build decides. Irrelevant while it goes on; Busy while its image is not READY yet;
    Refused, and on record, where it is not by our build identity."""
    if not build.ended:
        raise Irrelevant(f"build {build.id} is {build.status}")
    if ports.store.get(COLLECTION, build.id) is not None:
        return f"build {build.id} was taken already"
    run = _run(ports, environment, build, _trusted(ports, environment, build, cause=cause))
    if build.status != "SUCCESS":
        what = f"build of run {run.run_id} ended with {build.status}"
        return _finish(ports, build, run, state="failed", what=what, why=build.failure, cause=cause)
    image, problems = _made(ports, environment, build, run)
    if image is None or problems:
        what = f"image of run {run.run_id} is not used"
        return _finish(ports, build, run, state="refused", what=what, why=" ".join(problems), cause=cause)
    ready = f"image {image.name} is ready"
    if why := _why_kept_back(ports, environment, run.run_id):
        return _finish(ports, build, run, state="built", what=ready, why=why, cause=cause)
    started = start_rollout.start(
        ports, environment=environment, image=image, key=f"{environment.name}-{run.run_id}", cause=cause
    )
    _finish(ports, build, run, state="built", what=ready, why="", cause=cause)
    return started


def _trusted(ports: Ports, environment: Environment, build: Build, *, cause: str) -> int:
    """The run id of a build that may be trusted. Refused."""
    remedy = "Only builds that the build identity submits for this environment are rolled out; submit it again as that"
    account = build.service_account.rpartition("/")[2]
    run_id = run_id_of(build.substitutions.get("_RUN_ID", ""))
    if account != environment.build_service_account:
        refused = Refused("serviceAccount", f"the build ran as {account or 'the default account'}", remedy)
    elif build.project != environment.project:
        refused = Refused("projectId", f"the build ran in {build.project}", remedy)
    elif TAG not in build.tags or build.substitutions.get("_ENV") != environment.name:
        refused = Refused("tags", f"Cloud Build says that this is no boot image of {environment.name}", remedy)
    elif not run_id:
        refused = Refused("substitutions._RUN_ID", "the build names no run id", remedy)
    else:
        return run_id
    why = f"{refused.where}: {refused.problem}"
    what = "build is not taken"
    record(
        ports, kind="build", subject=build.id, environment=environment.name, what=what, why=why, cause=cause,
        once=build.id,
    )  # fmt: skip
    _taken(ports, build, {"environment": environment.name, "runId": 0, "outcome": "refused", "what": what, "why": why})
    raise refused


def _run(ports: Ports, environment: Environment, build: Build, run_id: int) -> Run:
    """The run on record. A build that nobody here asked for is taken at its word, and its number counts from now on.
    Busy."""
    known = runs.find(ports, environment.name, run_id)
    if known is not None and known.state == "requested":
        return runs.submitted(ports, known, build)
    if known is not None and (known.requester != BY_HAND or known.build_id == build.id or known.state == "built"):
        return known
    labelled = [
        str(raw["name"])
        for raw in ports.compute.images(environment.project, family=environment.image_family)
        if (raw.get("labels") or {}).get(RUN_ID) == str(run_id)
    ]
    image = labelled[0] if len(labelled) == 1 else image_name(environment.name, run_id)
    told = acceptance.of_substitutions(environment.name, run_id, build.substitutions, image=image)
    by_hand = msgspec.structs.replace(
        told, build_id=build.id, cause=f"build {build.id}", requester=BY_HAND, requested=build.created
    )
    if known is not None:  # the same number by hand once more, since nothing came of the first
        return runs.change(ports, known, **{name: getattr(by_hand, name) for name in by_hand.__struct_fields__})
    return runs.add(ports, by_hand)


def _made(ports: Ports, environment: Environment, build: Build, run: Run) -> tuple[BootImage | None, tuple[str, ...]]:
    """The run's image, and why it is not used. Busy."""
    if build.id != run.build_id and not _tells(build, run):
        return None, (f"Run {run.run_id} is build {run.build_id}'s, and this build was told of another image.",)
    try:
        raw = ports.compute.image(environment.project, run.image)
    except Missing:
        return None, (f"There is no image {run.image}, which the build was to make.",)
    if raw.get("status") == "PENDING":
        raise Busy(f"image {run.image} is not ready yet")
    try:
        image = BootImage.read(raw)
    except ValueError as wrong:
        return None, (f"{wrong}.",)
    return image, acceptance.problems(
        image, environment=environment, run=run, made=_made_at(raw), build_began=build.created
    )


def _tells(build: Build, run: Run) -> bool:
    """Whether a build that is not the run's own is the same once more, as the console's button Retry makes it."""
    values = build.substitutions
    told = values.get("_IMAGE_NAME", ""), last_part(values.get("_SOURCE_IMAGE", ""))
    return told == (run.image, last_part(run.source_image))


def _made_at(raw: Json) -> float:
    return datetime.fromisoformat(raw["creationTimestamp"]).timestamp()


def _why_kept_back(ports: Ports, environment: Environment, run_id: int) -> str:
    """Why a good image is not rolled out by itself; empty where it is."""
    if environment.run_id not in (None, run_id):
        return f"{environment.name} is pinned to run {environment.run_id}"
    newest = max((each.run_id for each in known_rollouts.all_of(ports, environment.name)), default=0)
    return f"run {newest} is newer" if run_id < newest else ""


def _finish(ports: Ports, build: Build, run: Run, *, state: State, what: str, why: str, cause: str) -> str:
    """On record, then in the run, then that the build is taken: whoever stops in between does the rest again."""
    record(
        ports, kind="build", subject=run.key, environment=run.environment, what=what, why=why, cause=cause,
        requester=run.requester, once=build.id, after=run.image if state == "built" else "",
    )  # fmt: skip
    owns = build.id == run.build_id or _tells(build, run)
    if owns and run.state not in ("built", state):  # an image that is there stays, whatever a later build comes to
        runs.change(ports, run, state=state, build_id=build.id, reason=why or what, ended=ports.clock.now())
    outcome = {"environment": run.environment, "runId": run.run_id, "image": run.image, "outcome": state}
    _taken(ports, build, outcome | {"what": what, "why": why})
    return f"{what}: {why}" if why else what


def _taken(ports: Ports, build: Build, outcome: Json) -> None:
    body = outcome | {"status": build.status, "logUrl": build.log_url, "at": ports.clock.now()}
    try:
        ports.store.put(COLLECTION, build.id, body, version=None)
    except Conflict:
        return
