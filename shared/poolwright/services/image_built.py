"""A build of ours ended: the image is checked and recorded, and its rollout started or offered."""

from __future__ import annotations

from poolwright import environments
from poolwright.boot_images.image import BootImage, why_unusable
from poolwright.environments import Environment
from poolwright.events.cloud_build import BuildStatus
from poolwright.services import start_rollout, stop
from poolwright.services.ports import Build, Conflict, Missing, Ports
from poolwright.services.records import record
from poolwright.verdicts import Irrelevant, Refused

COLLECTION = "builds"
TAG = "boot-image"


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
    """What the API says of the build decides. Refused where it is not by our build identity."""
    if build.status not in ("SUCCESS", "FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED"):
        raise Irrelevant(f"build {build.id} is {build.status}")
    run_id = _checked(environment, build)
    if build.status != "SUCCESS":
        what = f"build of run {run_id} ended with {build.status}; see its log in Cloud Build"
        return _finish(ports, environment, build, run_id=run_id, what=what, cause=cause)
    image, problems = _image(ports, environment, run_id)
    if image is None or problems:
        what = f"image of run {run_id} is not used: {'; '.join(problems)}"
        return _finish(ports, environment, build, run_id=run_id, what=what, cause=cause)
    newest = max((each.run_id for each in start_rollout.all_of(ports, environment.name)), default=0)
    if run_id < newest:
        what = f"image {image.name} is ready, but run {newest} is newer"
        return _finish(ports, environment, build, run_id=run_id, what=what, cause=cause)
    started = start_rollout.start(
        ports, environment=environment, image=image, key=f"{environment.name}-{run_id}", cause=cause
    )
    _finish(ports, environment, build, run_id=run_id, what=f"image {image.name} is ready", cause=cause)
    return started


def _checked(environment: Environment, build: Build) -> int:
    """The run id of a build that may be trusted. Refused."""
    remedy = "Only builds that the build identity submits for this environment are rolled out; submit it again as that"
    account = build.service_account.rpartition("/")[2]
    if account != environment.build_service_account:
        raise Refused("serviceAccount", f"the build ran as {account or 'the default account'}", remedy)
    if TAG not in build.tags or build.substitutions.get("_ENV") != environment.name:
        raise Refused("tags", f"Cloud Build says that this is no boot image of {environment.name}", remedy)
    text = build.substitutions.get("_RUN_ID", "")
    if not text.isdigit() or int(text) < 1:
        raise Refused("substitutions._RUN_ID", f"{text!r} is no run id", remedy)
    return int(text)


def _image(ports: Ports, environment: Environment, run_id: int) -> tuple[BootImage | None, tuple[str, ...]]:
    problems: tuple[str, ...] = (f"family {environment.image_family} has no image labelled with it",)
    for raw in ports.compute.images(environment.project, family=environment.image_family):
        try:
            image = BootImage.read(raw)
        except ValueError as wrong:
            problems = (str(wrong),)
            continue
        if image.run_id == run_id:
            return image, why_unusable(image, environment=environment.name, run_id=run_id)
    return None, problems


def leave(ports: Ports, *, environment: Environment, build: Build, why: str) -> None:
    """Remember that the build is not taken, so that nobody asks again."""
    _finish(ports, environment, build, run_id=0, what=f"build {build.id} is not taken: {why}", cause="tick")


def _finish(ports: Ports, environment: Environment, build: Build, *, run_id: int, what: str, cause: str) -> str:
    record(ports, kind="build", subject=f"{environment.name}-{run_id}", what=what, cause=cause, once=build.id)
    body = {"environment": environment.name, "runId": run_id, "status": build.status, "what": what}
    try:
        ports.store.put(COLLECTION, build.id, body, version=None)
    except Conflict:
        return f"build {build.id} was taken already"
    return what
