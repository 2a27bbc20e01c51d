"""A person, or a pipeline, starts, pauses, resumes, aborts or rolls back a rollout."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from poolwright.events.rollout_command import RolloutCommand
from poolwright.rollouts import commands, outbox, overdue
from poolwright.rollouts.rollout import Rollout, decode, encode
from poolwright.services import known_rollouts, progress, rollout_counts, stop
from poolwright.services.ports import Conflict, Ports
from poolwright.services.records import record
from poolwright.services.work import publish, rollout_work
from poolwright.verdicts import Busy, Irrelevant, Refused

if TYPE_CHECKING:
    from poolwright.boot_images.image import BootImage
    from poolwright.environments import Environment


def handle(event: RolloutCommand, ports: Ports) -> str:
    """Change the rollout's document, then ask for its next step. Irrelevant, Refused, Weather."""
    if event.action == "start":
        return _start(ports, event)
    if event.action == "rollback" and event.groups:
        from poolwright.services import roll_back_groups

        return roll_back_groups.start(
            ports, environment=_environment(ports, event), groups=event.groups, cause=_cause(event), sent=_sent(event),
            requester=event.requester,
        )  # fmt: skip
    rollout = _meant(ports, event)
    if event.message_id in rollout.obeyed:  # heard again, or somebody died before he could ask
        publish(ports, rollout_work(rollout.id, cause=f"command {event.action}"))
        return f"{rollout.id}: {event.action} was obeyed already"
    live = progress.merged(ports, rollout)
    try:
        changed = commands.obey(live, event.action, sent=_sent(event), who=event.requester)
    except commands.NotNow as reason:
        record(
            ports, kind="command", subject=rollout.id, what=f"{event.action} changed nothing", why=str(reason),
            cause=_cause(event), once=event.message_id, requester=event.requester, environment=rollout.environment,
        )  # fmt: skip
        raise Irrelevant(f"{event.action} of {rollout.id} changes nothing: {reason}") from None
    if changed.phase == "aborted":  # held first: whoever dies here is asked again, and nothing heals what he stopped
        from poolwright.services import released

        released.hold(ports, changed.environment, groups=commands.left_behind(live), why=f"{live.id} was aborted")
    _replace(ports, rollout, _noted(ports, event, rollout, changed))
    publish(ports, rollout_work(rollout.id, cause=f"command {event.action}"))
    return f"{rollout.id}: {changed.reason}"


def _noted(ports: Ports, event: RolloutCommand, before: Rollout, after: Rollout) -> Rollout:
    """The rollout with the record of the command."""
    now = ports.clock.now()
    return outbox.entered(
        overdue.moved(before, after, now=now), now=now, kind="command", what=after.reason, why=event.reason,
        cause=_cause(event), requester=event.requester, before=outbox.place(before), after=outbox.place(after),
    )  # fmt: skip


def _environment(ports: Ports, event: RolloutCommand) -> Environment:
    """The environment that is named. Read only where it matters: a cold start pays for YAML. Refused."""
    for environment in ports.environments:
        if environment.name == event.environment:
            return environment
    known = ", ".join(each.name for each in ports.environments)
    raise Refused("environment", f"there is no environment {event.environment!r}", f"Use one of: {known}")


def _start(ports: Ports, event: RolloutCommand) -> str:
    if why := stop.stopped(ports):
        raise Refused("action", f"nothing is started: {why}", "Resume poolwright, then start the rollout again")
    known = known_rollouts.all_of(ports, event.environment)
    if any(_sent(event) <= each.commanded for each in known):  # commands count in the order in which they were sent
        raise Irrelevant("this start, or a command that was sent after it, was obeyed already")
    environment = _environment(ports, event)
    image = _image(ports, environment, event)
    same = [each for each in known if each.run_id == image.run_id and not each.finished]
    if same and same[-1].phase != "offered":
        raise Irrelevant(f"{same[-1].id} is under way already ({same[-1].phase})")
    if same:
        if event.groups:
            remedy = "Start it without groups; or abort it, then start the groups"
            raise Refused("groups", f"{same[-1].id} is offered for all groups", remedy)
        begun = msgspec.structs.replace(
            same[-1], phase="mutating", commanded=_sent(event), requester=event.requester, reason="started by a person"
        )
        _replace(ports, same[-1], _noted(ports, event, same[-1], begun))
        publish(ports, rollout_work(begun.id, cause="command start"))
        return f"{begun.id}: started by a person"
    key = f"{environment.name}-{image.run_id}"
    if any(each.id == key for each in known):
        key += "-" + hashlib.sha256(event.message_id.encode()).hexdigest()[:6]
    from poolwright.services import start_rollout

    return start_rollout.start(
        ports, environment=environment, image=image, key=key, cause=_cause(event), requester=event.requester,
        asked_by_a_person=True, commanded=_sent(event), groups=event.groups,
    )  # fmt: skip


def _image(ports: Ports, environment: Environment, event: RolloutCommand) -> BootImage:
    """The image that is meant: of the run id, or the newest. Refused."""
    from poolwright.boot_images.image import BootImage, why_unusable
    from poolwright.services import runs

    images = []
    for raw in ports.compute.images(environment.project, family=environment.image_family):
        try:
            images.append(BootImage.read(raw))
        except ValueError:
            continue
    run_id = environment.run_id if event.run_id is None else event.run_id
    in_vain = runs.in_vain(ports, environment.name)
    wanted = [each for each in images if each.run_id == run_id or (run_id is None and each.run_id not in in_vain)]
    if not wanted:
        which = "" if run_id is None else f" of run {run_id}"
        have = ", ".join(str(each.run_id) for each in images)
        remedy = f"Use one of the runs that have one: {have}" if have else "Build one first, and wait until it is ready"
        raise Refused("runId", f"{environment.name} has no boot image{which}", remedy)
    image = max(wanted, key=lambda each: each.run_id)
    problems = why_unusable(image, environment=environment.name)
    if image.run_id in in_vain:
        problems = (*problems, in_vain[image.run_id])
    if problems:
        raise Refused("runId", "; ".join(problems), "Build the image again")
    return image


def _meant(ports: Ports, event: RolloutCommand) -> Rollout:
    """The rollout that is named, else of the run id, else the environment's newest. Refused."""
    known = known_rollouts.all_of(ports, event.environment)
    named = [each for each in known if event.rollout in (None, each.id) and event.run_id in (None, each.run_id)]
    if not named:
        _environment(ports, event)
        have = ", ".join(each.id for each in known)
        remedy = f"Use one of its rollouts: {have}" if have else "It has none yet: start one, by action start"
        raise Refused("rollout", f"{event.environment} has no such rollout", remedy)
    unfinished = [each for each in named if not each.finished]
    whole = [each for each in named if each.kind == "rollout"]
    return (unfinished or whole or named)[-1]


def _replace(ports: Ports, before: Rollout, after: Rollout) -> None:
    stored = ports.store.get(known_rollouts.COLLECTION, before.id)
    if stored is None or decode(stored.body) != before:
        raise Busy(f"{before.id} took a step at this moment; the command is taken up again")
    if before.finished:
        known_rollouts.enter(ports, before.environment, before.id)
    try:
        ports.store.put(known_rollouts.COLLECTION, before.id, encode(after), version=stored.version)
    except Conflict:
        raise Busy(f"{before.id} took a step at this moment; the command is taken up again") from None
    rollout_counts.count(before, after)


def _sent(event: RolloutCommand) -> tuple[str, str]:
    return event.publish_time.isoformat(), event.message_id


def _cause(event: RolloutCommand) -> str:
    return f"{event.subscription} {event.message_id}"
