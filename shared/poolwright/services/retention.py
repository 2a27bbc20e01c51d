"""What nothing has named for a grace period goes: templates of ours, and boot images beyond the newest.

The grace begins when a look first finds that nothing names the thing (collection `retention`). A look is one paged
aggregated list each of templates (in brief), groups and, where an image could go, disks; what is to go is chosen by a
pure function (boot_images/collection.py). Before a template goes it is read whole, to be sure whose it is, and the
members of its pool's groups are listed where Compute says that some are on another template than their group's: a
repair remakes a VM from the template that it was first made with. A template that a member names has its grace begin
anew. While some place does not answer nothing goes. Compute itself refuses to delete a template that a group needs.

Of our own documents those of targets go (services/progress.py) whose rollout ended before the grace period, as its own
has taken them over; and in the end the rollout's own, a month after anything names its run (rollouts/forgetting.py).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace

from poolwright import environments
from poolwright.boot_images import collection
from poolwright.boot_images.collection import Unnamed
from poolwright.boot_images.provenance import is_ours
from poolwright.boot_images.resources import InstanceTemplate
from poolwright.entries import Entry
from poolwright.environments import Environment
from poolwright.events.work import RetentionWork
from poolwright.references import last_part
from poolwright.rollouts.forgetting import forgettable
from poolwright.rollouts.rollout import Rollout, decode
from poolwright.services import drift, fleet, intents, known_rollouts, progress, released
from poolwright.services.fleet import Fleet
from poolwright.services.ports import Conflict, InUse, Listed, Missing, Ports, Stored
from poolwright.services.records import ensure
from poolwright.services.work import Done
from poolwright.verdicts import Busy, Irrelevant

COLLECTION = "retention"
PAUSE_SECONDS = 3600.0  # between two looks
MOST = 10  # templates and images that go in one step
MOST_TARGETS = 200  # documents of our own, some milliseconds each
MOST_ROLLOUTS = 50
POOL_LABEL = "cloud.google.com/gke-nodepool"
log = logging.getLogger(__name__)


def is_due(ports: Ports, environment: Environment) -> bool:
    """Whether the environment should be looked at now."""
    stored = ports.store.get(COLLECTION, environment.name)
    return stored is None or ports.clock.now() - stored.body["at"] >= PAUSE_SECONDS


def handle(work: RetentionWork, ports: Ports) -> Done:
    """Let some of what nothing has named for long enough go; again while there is more. Irrelevant, Busy, Weather."""
    environment = environments.by_name(ports.environments, work.environment)
    if environment is None:
        raise Irrelevant(f"there is no environment {work.environment}")
    for left in intents.abandoned(ports):
        if not left.pool and left.decision.kind != "state" and left.decision.environment == environment.name:
            intents.complete(ports, left.thing, happened=lambda intent: _is_gone(ports, intent))
    stored, now = ports.store.get(COLLECTION, environment.name), ports.clock.now()
    unfinished = known_rollouts.mended(ports, environment.name)
    if not _let_targets_go(ports, environment, now=now):
        return Done(f"{environment.name}: documents of old rollouts' groups go", again=True)
    seen = fleet.look(ports, environment)
    found = _unnamed(ports, environment, seen, unfinished)
    if found is None:
        _remember(ports, environment, stored, since=stored.body["since"] if stored else {}, at=now)
        unsure = ", ".join(str(ref) for ref in seen.missing)
        why = f"GKE knows no {unsure}, which its file names" if unsure else "some place does not answer"
        return Done(f"{environment.name}: nothing goes, for {why}")
    unnamed, runs = found
    if not _let_rollouts_go(ports, environment, runs=runs, now=now):
        return Done(f"{environment.name}: documents of old rollouts go", again=True)
    known: dict[str, float] = stored.body["since"] if stored else {}
    since = {each.name: known.get(each.name, now) for each in unnamed}
    due = [each for each in unnamed if now - since[each.name] >= environment.retention.grace_seconds]
    gone = 0
    for each in due[:MOST]:
        if _let_go(ports, environment, seen, each, cause=work.cause):
            gone += 1
        else:
            since[each.name] = now
    more = len(due) > MOST
    _remember(ports, environment, stored, since=since, at=stored.body["at"] if more and stored else now)
    return Done(f"{environment.name}: {gone} templates and images are gone, {len(due)} were due", again=more)


def _let_targets_go(ports: Ports, environment: Environment, *, now: float) -> bool:
    """Let the documents of targets go whose rollouts ended before the grace period; False while there are more."""
    for name in known_rollouts.ended(ports, environment.name, before=now - environment.retention.grace_seconds):
        stored = ports.store.get(known_rollouts.COLLECTION, name)
        if stored and not progress.forget(ports, decode(stored.body), most=MOST_TARGETS):
            return False
        known_rollouts.forget(ports, environment.name, name)
    return True


def _let_rollouts_go(ports: Ports, environment: Environment, *, runs: Collection[int], now: float) -> bool:
    """Let the documents of rollouts go that nothing asks for any more; False while there are more."""
    known = known_rollouts.all_of(ports, environment.name)
    listed = known_rollouts.listed(ports, environment.name)
    old = [each for each in forgettable(known, runs=runs, now=now) if each.id not in listed]
    for each in old[:MOST_ROLLOUTS]:
        known_rollouts.delete(ports, each)
    return len(old) <= MOST_ROLLOUTS


def _unnamed(
    ports: Ports, environment: Environment, seen: Fleet, wanted: Sequence[Rollout]
) -> tuple[list[Unnamed], set[int]] | None:
    """What nothing names, and the runs of which there is an image or a template; None where something is unknown."""
    templates = ports.compute.templates_in_brief(environment.project)
    if templates.unreachable or seen.listed.unreachable or seen.missing:
        return None
    current = released.read(ports, environment)
    found = collection.templates(
        list(templates),
        groups=list(seen.listed),
        environment=environment.name,
        kept={each.effect.after for each in intents.under_way(ports)},
        kept_runs={each.run_id for each in wanted},
    )
    raws = ports.compute.images(environment.project, family=environment.image_family)

    def images(disks: Listed) -> list[Unnamed]:
        return collection.images(
            raws,
            templates=list(templates),
            disks=list(disks),
            environment=environment.name,
            kept={current.image, current.previous_image} | {each.image for each in wanted},
            kept_run=environment.run_id,
            newest=environment.retention.images,
        )

    runs = collection.runs(raws, list(templates), environment=environment.name)
    if not images(Listed(())):
        return found, runs
    disks = ports.compute.disks_in_brief(environment.project)
    return None if disks.unreachable else (found + images(disks), runs)


def _let_go(ports: Ports, environment: Environment, seen: Fleet, old: Unnamed, *, cause: str) -> bool:
    """Whether it is gone now."""
    if old.kind == "template":
        return _let_template_go(ports, environment, seen, old, cause=cause)
    if not _begin(ports, environment, old, cause=cause):
        return False
    ports.compute.delete_image(environment.project, old.name, request_id=ports.clock.unique())
    intents.complete(ports, old.link, happened=lambda left: True)
    return True


def _let_template_go(ports: Ports, environment: Environment, seen: Fleet, old: Unnamed, *, cause: str) -> bool:
    try:
        whole = InstanceTemplate(ports.compute.template(old.link))
    except Missing:
        return False
    if not is_ours(whole) or _has_members(ports, seen, whole) or not _begin(ports, environment, old, cause=cause):
        return False
    try:
        ports.compute.delete_template(old.link, request_id=ports.clock.unique())
    except InUse as why:
        log.warning("template %s stays: %s", old.name, why)
        intents.complete(ports, old.link, happened=lambda left: False)
        return False
    intents.complete(ports, old.link, happened=lambda left: True)
    return True


def _has_members(ports: Ports, seen: Fleet, template: InstanceTemplate) -> bool:
    """Whether a member of the groups of the template's pool is made from it still."""
    pool, cluster = template.node_labels.get(POOL_LABEL, ""), template.metadata.get("cluster-uid", "")
    for member in seen.members():
        if member.pool.ref.name != pool or member.cluster.uid != cluster:
            continue
        if member.group is None:
            return True  # it is being made or deleted, and nothing is known of its members
        if drift.may_have(member.group.raw):
            made = [each.get("version", {}).get("instanceTemplate", "") for each in ports.compute.members(member.ref)]
            if template.name in map(last_part, made):
                return True
    return False


def _begin(ports: Ports, environment: Environment, old: Unnamed, *, cause: str) -> bool:
    """Write the intent down; in `observe` only what would be done, and False."""
    decision = Entry(
        kind="retention", subject=old.link, what=f"{old.kind} {old.name} is to be deleted", at=ports.clock.now(),
        environment=environment.name, why=old.why, cause=cause, before=old.name, once=f"to be deleted {old.made}",
    )  # fmt: skip
    if environment.mode == "observe":
        what = f"{old.kind} {old.name} would be deleted; mode is observe"
        ensure(ports, replace(decision, what=what, once=f"would be deleted {old.made}"))
        return False
    effect = replace(decision, what=f"{old.kind} {old.name} is deleted", once=f"deleted {old.made}")
    intents.begin(ports, intents.Intent(decision=decision, effect=effect), happened=lambda left: _is_gone(ports, left))
    return True


def _is_gone(ports: Ports, left: intents.Intent) -> bool:
    try:
        if "/instanceTemplates/" in left.thing:
            ports.compute.template(left.thing)
        else:
            ports.compute.image(left.thing.partition("projects/")[2].partition("/")[0], last_part(left.thing))
    except Missing:
        return True
    return False


def _remember(
    ports: Ports, environment: Environment, stored: Stored | None, *, since: dict[str, float], at: float
) -> None:
    try:
        version = stored.version if stored else None
        ports.store.put(COLLECTION, environment.name, {"at": at, "since": since}, version=version)
    except Conflict:
        raise Busy(f"{environment.name} is looked at by somebody else") from None
