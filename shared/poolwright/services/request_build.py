"""A boot-image build asked of Cloud Build: one for each run id, and the system counts the run ids.

Cloud Build has no request ids, so a submission is made safe from outside: the decision is stored first, builds of the
run are looked for by their tags before and after, and the image's name lets packer make it only once
(docs/designs/run-ids-and-builds.md).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poolwright.boot_images.image import BootImage, why_unusable
from poolwright.builds import boot_image
from poolwright.builds.run import Run, image_name, next_id, run_id_of
from poolwright.builds.source import SourceImage, why_unexpected
from poolwright.services import leases, runs, stop
from poolwright.services.ports import Build, Json, Missing, Ports, Rejected
from poolwright.services.records import record
from poolwright.verdicts import Refused

if TYPE_CHECKING:
    from poolwright.environments import Environment

CONFIG = "boot-image.yaml"
KNOWN_SECONDS = 30 * 86400.0  # builds older than this are in the store, or their images tell
TRIES = 3  # of automation, on one source image
PAUSE_SECONDS = 3600.0  # between them
SKEW_SECONDS = 600.0  # by which Google's clock may be behind ours


@dataclass(frozen=True)
class Requested:
    """What became of a request. `build_id` is empty where nothing was submitted (mode `observe`, or there is an image
    already); `sentence` is for people."""

    run_id: int
    build_id: str
    sentence: str


def request(
    ports: Ports,
    *,
    environment: Environment,
    source_image: str,
    cause: str,
    requester: str = "",
    run_id: int | None = None,
) -> Requested:
    """Submit the build of the environment's next run on `source_image` (a link or a name of GKE's node image).

    Repeating a request is safe: as long as the environment has an unfinished build on that source image, it is that
    build. `requester`: the person who asks, empty for automation; automation is kept from passing a pinned run id and
    from building on the same source image for ever. `run_id`: what a person expects to be next.

    Refused, Busy where somebody is at it already, Weather.
    """
    source = _source(environment, source_image)
    if why := stop.stopped(ports):
        raise Refused("stop", why, "Nothing is built until then")
    with leases.alone(ports, f"builds/{environment.name}"):
        known = runs.all_of(ports, environment.name)
        if under_way := _under_way(ports, environment, source, known):
            _expect(run_id, under_way.run_id, f"run {under_way.run_id} is being built on {source.name} already")
            return _go_on(ports, environment, under_way)
        images = _images(ports, environment)
        number = next_id(environment.name, known, others=_numbers(ports, environment, images))
        _expect(run_id, number, f"the next run of {environment.name} is {number}")
        if not requester and (done := _enough(ports, environment, source, known, images, number)):
            return done
        architecture, size = _look_at(ports, environment, source)
        if environment.mode == "observe":
            return _observed(ports, environment, source, number, cause=cause, requester=requester)
        run = Run(
            environment=environment.name,
            run_id=number,
            state="requested",
            source_image=source.link,
            image=image_name(environment.name, number),
            gke_version=source.gke_version,
            architecture=architecture,
            disk_size_gb=size,
            cause=cause,
            requester=requester,
            requested=ports.clock.now(),
        )
        return _go_on(ports, environment, runs.add(ports, run))


def complete(ports: Ports, environment: Environment) -> None:
    """Submit what was decided and never reached Cloud Build because whoever decided it died. Busy, Weather."""
    if environment.mode == "observe" or stop.stopped(ports):
        return
    if not any(run.state == "requested" for run in runs.all_of(ports, environment.name)):
        return
    with leases.alone(ports, f"builds/{environment.name}"):
        for run in runs.all_of(ports, environment.name):
            if run.state == "requested":
                with suppress(Refused):  # it is on record, and the run has failed
                    _go_on(ports, environment, run)


def _source(environment: Environment, text: str) -> SourceImage:
    if unready := boot_image.why_unready(environment):
        raise Refused(*unready)
    try:
        source = SourceImage.parse(text)
    except ValueError as wrong:
        raise Refused("sourceImage", str(wrong), "`poolwright reference check` names the one that GKE uses") from None
    if why := why_unexpected(environment.source_image, source.name, environment=environment.name):
        remedy = f"Change sourceImage.image in environments/{environment.name}.yaml, or set onChange: rebuild"
        raise Refused("sourceImage.image", why.rstrip("."), remedy)
    return source


def _expect(asked: int | None, number: int, problem: str) -> None:
    if asked is not None and asked != number:
        raise Refused("runId", f"{asked} is not the next: {problem}", f"Use {number}, or leave it out")


def _under_way(ports: Ports, environment: Environment, source: SourceImage, known: list[Run]) -> Run | None:
    """The unfinished run on this source image; Cloud Build says whether it still is one."""
    for run in reversed(known):
        if not run.unfinished or run.source_image != source.link:
            continue
        if run.state == "requested":
            return run
        try:
            build = ports.cloud_build.build(environment.project, environment.build_location, run.build_id)
        except Missing:
            continue
        if not build.ended or build.status == "SUCCESS":  # then its image is taken by a message or a tick
            return run
    return None


def _images(ports: Ports, environment: Environment) -> list[BootImage]:
    found = []
    for raw in ports.compute.images(environment.project, family=environment.image_family):
        try:
            found.append(BootImage.read(raw))
        except ValueError:  # nobody's, so no run id is counted by it
            continue
    return found


def _numbers(ports: Ports, environment: Environment, images: list[BootImage]) -> list[int]:
    """Run ids that images and builds carry, whatever the store knows of them."""
    since = ports.clock.now() - KNOWN_SECONDS
    builds = ports.cloud_build.builds(
        environment.project, environment.build_location, tags=boot_image.tags(environment.name), since=since
    )
    of_builds = (run_id_of(build.substitutions.get("_RUN_ID", "")) for build in builds)
    return [*(image.run_id for image in images if image.environment == environment.name), *of_builds]


def _enough(
    ports: Ports, environment: Environment, source: SourceImage, known: list[Run], images: list[BootImage], number: int
) -> Requested | None:
    """What automation gets instead of another build. Refused."""
    mine = [run for run in known if run.source_image == source.link]
    in_vain = {run.run_id for run in mine if run.state in ("refused", "failed")}
    for image in sorted(images, key=lambda each: each.run_id, reverse=True):
        fits = image.source_image == source.name and image.run_id not in in_vain
        if fits and not why_unusable(image, environment=environment.name):
            return Requested(image.run_id, "", f"run {image.run_id} of {environment.name} is on {source.name} already")
    if environment.run_id is not None and number > environment.run_id:
        raise Refused(
            "runId",
            f"{environment.name} is pinned to run {environment.run_id}, and the next build would be run {number}",
            f"Build it as a person, or raise runId in environments/{environment.name}.yaml",
        )
    tried = [run for run in mine if not run.requester and not run.unfinished]
    if len(tried) >= TRIES:
        ids = ", ".join(str(run.run_id) for run in tried)
        raise Refused(
            "build", f"runs {ids} on {source.name} came to nothing", "Read their logs, then build as a person"
        )
    if tried and (wait := tried[-1].ended + PAUSE_SECONDS - ports.clock.now()) > 0:
        last = tried[-1]
        sentence = f"run {last.run_id} on {source.name} came to nothing; it is tried again in {wait / 60:.0f} minutes"
        return Requested(last.run_id, "", sentence)
    return None


def _look_at(ports: Ports, environment: Environment, source: SourceImage) -> tuple[str, int]:
    """Architecture of the source image, and size in GB of ours. Refused."""
    try:
        raw = ports.compute.image(source.project, source.name)
    except Missing:
        remedy = "`poolwright reference check` names the one that GKE uses"
        raise Refused("sourceImage", f"{source.link} is not there", remedy) from None
    needed, size = int(raw.get("diskSizeGb") or 0), environment.build.disk_size_gb
    if size < needed:
        raise Refused(
            "build.diskSizeGb",
            f"{size} GB are less than the {needed} GB of {source.name}",
            f"Give more in environments/{environment.name}.yaml",
        )
    return raw.get("architecture") or "X86_64", size


def _observed(
    ports: Ports, environment: Environment, source: SourceImage, number: int, *, cause: str, requester: str
) -> Requested:
    what = f"run {number} would be built on {source.name}; mode is observe"
    record(
        ports, kind="build", subject=f"{environment.name}-{number}", environment=environment.name, what=what,
        cause=cause, requester=requester, once=f"observed {source.name}",
    )  # fmt: skip
    return Requested(number, "", what)


def _go_on(ports: Ports, environment: Environment, run: Run) -> Requested:
    """From wherever the run's request stopped. Busy, Refused, Weather."""
    record(
        ports, kind="build", subject=run.key, environment=run.environment, once="requested", cause=run.cause,
        requester=run.requester, what=f"build of run {run.run_id} on {run.source.name} decided",
    )  # fmt: skip
    if run.state == "submitted":
        return Requested(run.run_id, run.build_id, f"run {run.run_id} is being built already: build {run.build_id}")
    build = _the_one(ports, environment, run)
    if build is None:
        created = _create(ports, environment, run)
        build = _the_one(ports, environment, run) or created
    runs.submitted(ports, run, build)
    return Requested(run.run_id, build.id, f"run {run.run_id} is being built on {run.source.name}: build {build.id}")


def _the_one(ports: Ports, environment: Environment, run: Run) -> Build | None:
    """The run's build in Cloud Build, None where there is none. Of several that go on, which only a list that was
    behind can lead to, the first one stays."""
    where = environment.project, environment.build_location
    tags = boot_image.tags(run.environment, run.run_id)
    found = ports.cloud_build.builds(*where, tags=tags, since=run.requested - SKEW_SECONDS)
    found.sort(key=lambda build: (build.created, build.id))
    going_on = [build for build in found if not build.ended]
    for build in going_on[1:]:
        ports.cloud_build.cancel(*where, build.id)
    return going_on[0] if going_on else found[-1] if found else None


def _create(ports: Ports, environment: Environment, run: Run) -> Build:
    try:
        body = boot_image.body(_config(ports), environment=environment, run=run)
        return ports.cloud_build.create(environment.project, environment.build_location, body)
    except (Rejected, ValueError) as refused:
        why = str(refused)
    record(
        ports, kind="build", subject=run.key, environment=run.environment, once="rejected", cause=run.cause,
        requester=run.requester, what="Cloud Build did not take the build", why=why,
    )  # fmt: skip
    runs.change(ports, run, state="failed", reason=f"Cloud Build did not take it: {why}", ended=ports.clock.now())
    remedy = "Correct that, and request the build again: it will be the next run"
    raise Refused("build", f"Cloud Build does not take the build of run {run.run_id}: {why}", remedy)


def _config(ports: Ports) -> Json:
    import yaml

    path = ports.build_configs / CONFIG
    try:
        found: Json = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        remedy = "Set POOLWRIGHT_BUILD_CONFIGS to the folder that holds it"
        raise Refused("POOLWRIGHT_BUILD_CONFIGS", f"there is no {path}", remedy) from None
    return found
