"""One step of one rollout: load, observe, decide, act, record."""

from __future__ import annotations

from dataclasses import dataclass

from poolwright import environments, metrics
from poolwright.boot_images.image import BootImage, why_unusable
from poolwright.environments import Environment
from poolwright.events.work import RolloutWork, TargetWork
from poolwright.references import GroupRef
from poolwright.rollouts import canary, commands, ends, outbox, overdue, steps
from poolwright.rollouts.rollout import Phase, Rollout, decode, encode
from poolwright.services import held_back, known_rollouts, leases, progress, released, rollout_counts
from poolwright.services.ports import Conflict, Ports
from poolwright.services.records import tell
from poolwright.services.work import Done, publish, publish_all, rollout_work
from poolwright.verdicts import Irrelevant

QUIET: tuple[Phase, ...] = ("offered", "verifying", "baking")  # nothing is done at any target


@dataclass(frozen=True)
class Rivals:
    """Other rollouts of the environment that are under way: `newer` takes its place, `older` has to end first."""

    newer: Rollout | None = None
    older: Rollout | None = None


def handle(work: RolloutWork, ports: Ports) -> Done:
    """Take the rollout's next step. Irrelevant, Busy, Weather."""
    stored = ports.store.get(known_rollouts.COLLECTION, work.rollout)
    if stored is None:
        raise Irrelevant(f"there is no rollout {work.rollout}")
    rollout = decode(stored.body)
    environment = environments.by_name(ports.environments, rollout.environment)
    if environment is None:
        raise Irrelevant(f"{rollout.id} is of environment {rollout.environment}, which has no file any more")
    tell(ports, rollout.outbox)  # before anything else happens
    if rollout.canary:
        lease = leases.of_group(GroupRef.parse(rollout.canary_group))
        leases.take(ports, lease, holder=rollout.id, seconds=leases.LONG_SECONDS)
    now = ports.clock.now()
    live = rollout if rollout.phase in QUIET else progress.merged(ports, rollout)
    step = _decide(ports, environment, live, now=now)
    _measure(live, now=now)
    if isinstance(step, steps.Wait):
        after, again = live if rollout.finished else rollout, False
    else:
        after, again = _act(ports, environment, live, step)
        if not isinstance(step, steps.Hold):
            after = held_back.freed(after)
    held = isinstance(step, steps.Hold) and step.decided
    after = outbox.noted(rollout, after, now=now, cause=work.cause, held=held)
    if after == rollout:
        return Done(f"{rollout.id}: {after.reason}")
    if after.phase != rollout.phase or (after.finished and after.waves != rollout.waves):
        _settle(ports, environment, after)
    try:
        ports.store.put(known_rollouts.COLLECTION, rollout.id, encode(after), version=stored.version)
    except Conflict:
        return Done(f"{rollout.id} was changed meanwhile; it is looked at again", again=True)
    rollout_counts.count(rollout, after)
    if after.finished and not rollout.finished:
        _wake(ports, after)
    if after.settled:
        known_rollouts.tidied(ports, after.environment)
    sentence = f"{rollout.id}: {after.phase}: {after.reason}"
    return Done(sentence, again=(again or bool(after.outbox)) and not after.settled)


def _measure(live: Rollout, *, now: float) -> None:
    if live.paused and not live.finished:
        metrics.brake("paused", live.environment)
    late = overdue.seconds(live, now=now)
    if late is not None and not held_back.waits(live):
        metrics.overdue(live.environment, live.phase, late)


def _rivals(ports: Ports, rollout: Rollout) -> Rivals:
    """Rolling back is never given up for a newer one, which waits until it has ended."""
    if rollout.phase in ("offered", "rolling back"):
        return Rivals()
    others = [each for each in known_rollouts.unfinished(ports, rollout.environment) if each.id != rollout.id]
    begun = [each for each in others if each.phase != "offered"]
    place = (rollout.created, rollout.id)
    newer = [each for each in begun if (each.created, each.id) > place and each.kind == "rollout"]
    older = [each for each in begun if (each.created, each.id) < place and not each.finished]
    return Rivals(newer=newer[-1] if newer else None, older=older[0] if older else None)


def _decide(ports: Ports, environment: Environment, live: Rollout, *, now: float) -> steps.Step:
    rivals = Rivals() if live.finished else _rivals(ports, live)
    if rivals.newer is not None:
        return steps.Become(ends.superseded(live, rivals.newer.id))
    seen, closed, behind = None, "", ""
    if steps.looks_at_nodes(live):
        from poolwright.services import canary_node, evidence

        seen = canary_node.lost(ports, live, evidence.gather(ports, environment, live, now=now))
    if rivals.older is not None:
        behind = f"{rivals.older.id} is {rivals.older.phase}, and has to end first"
    if environment.rollout.windows or environment.rollout.freezes:
        from poolwright.rollouts import windows

        closed = windows.closed(environment.rollout, now)
    step = steps.next_step(live, seen, now=now, closed=closed, behind=behind)
    return held_back.instead(ports, live, step)


def _act(ports: Ports, environment: Environment, live: Rollout, step: steps.Step) -> tuple[Rollout, bool]:
    """Carry the step out; the rollout after it, and whether there is a next step to take at once."""
    from poolwright.services import canary_node

    now = ports.clock.now()
    if isinstance(step, steps.Hold):
        return steps.held(live, step), False
    if isinstance(step, steps.Become):
        return step.rollout, True
    if isinstance(step, steps.Ask):
        cause = f"{live.phase}: {live.current.name}"
        publish_all(ports, [TargetWork(rollout=live.id, group=each.group, cause=cause) for each in step.targets])
        return steps.asked(live, now=now), False
    if isinstance(step, steps.BeginWave):
        return _begin(ports, environment, live, now=now), True
    if isinstance(step, steps.StartJobs | steps.ClearJobs):
        from poolwright.services import smoke_jobs

        act = smoke_jobs.start if isinstance(step, steps.StartJobs) else smoke_jobs.clear
        act(ports, environment, live, step.runs)
        return live, False
    if isinstance(step, canary.GiveUp):
        return canary_node.give_up(ports, live, step.reason, now=now), False
    if isinstance(step, canary.Name):
        return canary_node.name(ports, live, step.target), True
    if isinstance(step, canary.Make):
        return canary_node.make(ports, live, now=now), False
    if isinstance(step, canary.Remove):
        return canary_node.remove(ports, live, proved=step.proved), True
    raise AssertionError(f"no such step: {step}")


def _begin(ports: Ports, environment: Environment, live: Rollout, *, now: float) -> Rollout:
    """The image is read once a wave, not once a group."""
    from poolwright.services import evidence

    facts = released.facts(ports, environment, live.image)
    if facts is None:
        return steps.begun(live, now=now, facts={}, problem=f"image {live.image} is gone")
    problems = why_unusable(BootImage.read(facts), environment=environment.name, run_id=live.run_id)
    baseline = None if problems else evidence.baseline(ports, live)
    return steps.begun(live, now=now, facts=facts, baseline=baseline, problem="; ".join(problems))


def _settle(ports: Ports, environment: Environment, rollout: Rollout) -> None:
    """What the end of a rollout means for its environment."""
    if rollout.phase == "done":
        _release(ports, environment, rollout)
    if rollout.phase == "rolled back":
        back = [target.group for target in rollout.targets if target.state == "rolled back"]
        released.hold(ports, rollout.environment, groups=back, why=f"{rollout.id}: {rollout.reason}")
    if rollout.phase == "failed":
        why = f"{rollout.id} failed: {rollout.reason}"
        released.hold(ports, rollout.environment, groups=commands.left_behind(rollout), why=why)
    if rollout.phase == "aborted":
        why = f"{rollout.id} was aborted"
        released.hold(ports, rollout.environment, groups=commands.left_behind(rollout), why=why)


def _release(ports: Ports, environment: Environment, rollout: Rollout) -> None:
    """Chosen groups on another run are no release: the others, and new pools, stay on what is released."""
    changed = [target.group for target in rollout.targets if target.state == "mutated"]
    if rollout.chosen and released.read(ports, environment).run_id != rollout.run_id:
        why = f"{rollout.id} brought chosen groups to run {rollout.run_id}"
        released.hold(ports, rollout.environment, groups=changed, why=why)
        return
    released.release(ports, rollout.environment, run_id=rollout.run_id, image=rollout.image, groups=changed)


def _wake(ports: Ports, ended: Rollout) -> None:
    """A newer rollout may have waited for this one's end."""
    for other in known_rollouts.unfinished(ports, ended.environment):
        if other.created >= ended.created and not other.finished and other.phase != "offered":
            publish(ports, rollout_work(other.id, cause=f"{ended.id} ended"))
