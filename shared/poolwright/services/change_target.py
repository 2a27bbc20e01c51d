"""One step at one instance group of a rollout: load, decide, act, say how far it is.

The intent is stored before the rollout is read for the last time, and the group's lease is held over both: so whoever
stops the rollout either is seen here, or sees there that this group may be changed.
"""

from __future__ import annotations

import contextlib

import msgspec

from poolwright import environments
from poolwright.boot_images.image import BootImage
from poolwright.boot_images.mutation import run_id_of
from poolwright.environments import Environment
from poolwright.events.work import TargetWork
from poolwright.logs import redact
from poolwright.references import GroupRef, PoolRef, last_part
from poolwright.rollouts import overdue
from poolwright.rollouts.rollout import Rollout, Target, TargetState, Todo, decode
from poolwright.services import held_back, known_rollouts, leases, mutate_group, progress, released
from poolwright.services.ports import Missing, Ports
from poolwright.services.work import Done, publish, rollout_work
from poolwright.verdicts import Busy, Irrelevant, Verdict

INTENTS: dict[Todo, TargetState] = {"mutate": "changing", "roll back": "going back"}


def handle(work: TargetWork, ports: Ports) -> Done:
    """Take the target's next step. Irrelevant, Busy, Weather."""
    rollout = _rollout(ports, work)
    try:
        target, version = progress.load(ports, rollout, work.group)
    except LookupError:
        raise Irrelevant(f"{rollout.id} has no group {work.group}") from None
    todo = rollout.left_to_do(target)
    if todo and rollout.begins_at(target) and (why := held_back.why(ports, target)):
        _say(ports, rollout, target, version, why)
        return Done(f"{target.group} of {rollout.id}: {target.state}: {why}")
    if todo:
        group = GroupRef.parse(target.group)
        with leases.Holding(ports, leases.of_group(group), holder=rollout.id) as holding:
            rollout, target, again = _step(ports, work, rollout, target, version, todo)
            if todo == "replace":
                holding.keep(target.in_hand)
        if again:
            return Done(f"{group.name} of {rollout.id}: {target.state}: {target.reason}", again=True)
    _tell(ports, rollout, target)
    return Done(f"{target.group} of {rollout.id}: {target.state}: {target.reason}")


def _rollout(ports: Ports, work: TargetWork) -> Rollout:
    stored = ports.store.get(known_rollouts.COLLECTION, work.rollout)
    if stored is None:
        raise Irrelevant(f"there is no rollout {work.rollout}")
    return decode(stored.body)


def _step(
    ports: Ports, work: TargetWork, rollout: Rollout, target: Target, version: int | None, todo: Todo
) -> tuple[Rollout, Target, bool]:
    """The rollout as it was read last, the target after the step, and whether there is a next one to take at once."""
    before = target
    if todo in INTENTS and target.state != INTENTS[todo]:
        target = msgspec.structs.replace(target, state=INTENTS[todo], replaced=False, moved=ports.clock.now())
        version = progress.save(ports, rollout, target, version)
    rollout = _rollout(ports, work)
    if rollout.left_to_do(target) != todo:
        if before.state != target.state:
            progress.save(ports, rollout, before, version)
        return rollout, before, bool(rollout.left_to_do(before))
    environment = environments.by_name(ports.environments, rollout.environment)
    if environment is None:
        raise Irrelevant(f"{rollout.id} is of environment {rollout.environment}, which has no file any more")
    try:
        after, again = _act(ports, environment, rollout, target, todo, was=before)
    except Exception as wrong:
        _note(ports, rollout, target, version, wrong)
        raise
    if after != target:
        progress.save(ports, rollout, overdue.further(target, after, now=ports.clock.now()), version)
    return rollout, after, again or (todo != "replace" and rollout.left_to_do(after) == "replace")


def _act(
    ports: Ports, environment: Environment, rollout: Rollout, target: Target, todo: Todo, *, was: Target
) -> tuple[Target, bool]:
    if todo == "mutate":
        after = _mutate(ports, environment, rollout, target, was=was)
        return after, after.state == "changing"
    if todo == "roll back":
        return _roll_back(ports, rollout, target), False
    if todo == "look":
        return _look(ports, rollout, target), False
    from poolwright.services import replace_nodes

    return replace_nodes.step(ports, environment, rollout, target)


def _note(ports: Ports, rollout: Rollout, target: Target, version: int | None, wrong: Exception) -> None:
    """What keeps a target stands where people look, while its message comes again; the document is no log, so what is
    raised from libraries is redacted and cut."""
    known = isinstance(wrong, Verdict | leases.Held)
    _say(ports, rollout, target, version, redact(str(wrong) if known else f"{type(wrong).__name__}: {wrong}")[:300])


def _say(ports: Ports, rollout: Rollout, target: Target, version: int | None, text: str) -> None:
    if text != target.reason:
        with contextlib.suppress(Busy):
            progress.save(ports, rollout, msgspec.structs.replace(target, reason=text), version)


def _mutate(ports: Ports, environment: Environment, rollout: Rollout, target: Target, *, was: Target) -> Target:
    group = GroupRef.parse(target.group)
    image = BootImage.read(dict(rollout.facts)) if rollout.facts else released.image(ports, environment, rollout.image)
    if image is None:
        return _now(target, "failed", f"image {rollout.image} is gone")
    acts = environment.mode != "observe"  # where it is `offer`, a person has started the rollout
    outcome = mutate_group.go_on(ports, group, image, cause=rollout.id, holder=rollout.id) if acts else None
    if outcome is None:
        try:
            cluster, pool = mutate_group.pool_of(ports, PoolRef.parse(target.pool).cluster, group)
        except Irrelevant as gone:
            return _now(target, "refused", gone.reason)
        outcome = mutate_group.bring_to_image(
            ports,
            environment=environment,
            cluster=cluster,
            pool=pool,
            group=group,
            image=image,
            cause=rollout.id,
            requester=rollout.requester,
            act=acts,
            holder=rollout.id,
            in_steps=True,
        )
    if outcome.kind == "begun":
        return target
    if outcome.kind in ("refused", "would change"):
        return _now(target, "refused", outcome.reason)
    found = outcome.kind == "already right" and was.state == "waiting"
    return msgspec.structs.replace(_now(target, "mutated", outcome.reason), found=found)


def _roll_back(ports: Ports, rollout: Rollout, target: Target) -> Target:
    group = GroupRef.parse(target.group)
    try:
        cluster, pool = mutate_group.pool_of(ports, PoolRef.parse(target.pool).cluster, group)
    except Irrelevant as gone:
        return _now(target, "rolled back", gone.reason)
    outcome = mutate_group.roll_back(
        ports,
        environment=rollout.environment,
        cluster=cluster,
        pool=pool,
        group=group,
        rollout=rollout.id,
        why=f"{rollout.id}: {rollout.reason}",
        requester=rollout.requester,
    )
    return _now(target, "stuck" if outcome.kind == "refused" else "rolled back", outcome.reason)


def _look(ports: Ports, rollout: Rollout, target: Target) -> Target:
    """Somebody died at it, and the rollout ended meanwhile: nothing is changed any more, only found out."""
    try:
        seen = ports.compute.group(GroupRef.parse(target.group))
    except Missing:
        return _now(target, "refused", "the group is gone")
    ours = run_id_of(last_part(seen.get("instanceTemplate", ""))) == rollout.run_id
    if target.state == "going back":
        return _now(target, "mutated" if ours else "rolled back", target.reason)
    return _now(target, "mutated" if ours else "waiting", f"{rollout.id} was {rollout.phase} meanwhile")


def _now(target: Target, state: TargetState, reason: str) -> Target:
    return msgspec.structs.replace(target, state=state, reason=reason)


def _tell(ports: Ports, rollout: Rollout, target: Target) -> None:
    """Ask for the rollout's next step if this was the last target that it waits for.

    The others are asked from here on and around until one is not settled: it will do the asking. So a hundred that end
    together cost a hundred looks and one message, not a hundred times a hundred; the last of all to be stored finds
    nobody after it, whatever the order.
    """
    left = rollout.unsettled  # by the rollout's own document: who was settled when the phase began does not count
    groups = [each.group for each in left]
    if target.group not in groups:
        return
    here = groups.index(target.group)
    if target.state != "failed":
        for group in (*groups[here + 1 :], *groups[:here]):
            other, _ = progress.load(ports, rollout, group)
            if rollout.left_at(other):
                return
    if not rollout.left_at(target):
        publish(ports, rollout_work(rollout.id, cause=f"{target.group} is {target.state}"))
