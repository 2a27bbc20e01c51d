"""Which groups of an environment have to be looked at, by what a tick can see for a few calls.

A tick makes one call a cluster and three paged aggregated lists a project at most (groups, templates in brief), however
many groups there are. From these it asks for a step on a group that

- does not point at a template of the released run, unless it is held, refused for a reason that still is, or in the
  hands of a rollout: GKE upgrades, blue-green pools, new zones, hand-made changes;
- points at ours although GKE has issued a newer template for its pool since: one that GKE means it to have and has not
  set. Names and times only hint at that, so one and the same hint asks once an hour, and the step looks closely;
- may have members on another template than its own (services/drift.py);
- was left with something unrecorded (services/intents.py).

Of a zone that does not answer nothing is known, and nothing is asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from poolwright import metrics
from poolwright.boot_images.mutation import run_id_of
from poolwright.boot_images.provenance import is_ours
from poolwright.boot_images.resources import InstanceGroup, InstanceTemplate
from poolwright.environments import Environment
from poolwright.events.work import GroupWork
from poolwright.references import GroupRef, PoolRef, last_part
from poolwright.services import drift, fleet, intents, known_rollouts, refusals, released
from poolwright.services.node_pools import left_alone
from poolwright.services.ports import Conflict, Ports
from poolwright.services.released import Released
from poolwright.services.work import group_work

_OURS = re.compile(r"-pw-\d+-[0-9a-f]{10}\Z")
_GKES = re.compile(r"-[0-9a-f]{8}\Z")
_DRIFT = "drift"
HINTS = "hints"
HINT_SECONDS = 3600.0
PLANNING_SECONDS = 60.0  # ours may be planned from a look that is as old as an invocation may live


def groups(ports: Ports, environment: Environment) -> Iterator[GroupWork]:
    """Work for every such group of the environment. Weather."""
    for left in intents.abandoned(ports):
        if left.pool and left.decision.environment == environment.name:
            yield group_work(GroupRef.parse(left.thing), PoolRef.parse(left.pool), cause="tick: left unrecorded")
    current = released.read(ports, environment)
    if not current.run_id and not current.held:
        return
    busy = _busy(ports, environment)
    seen = {each.group: each for each in drift.looked_at(ports, environment.name)}
    newest = _newest_templates(ports, environment.project) if current.run_id else {}
    now, drifting = ports.clock.now(), 0
    on: Counter[metrics.On] = Counter({"released": 0, "another": 0, "GKE": 0})
    for member in fleet.look(ports, environment).members():
        raw, key = member.group, str(member.ref)
        if raw is None or left_alone(environment, member.pool):
            continue
        on[_on(raw, current)] += 1
        if key in busy:
            continue
        cause = ""
        if current.run_id and key not in current.held:
            cause = _differs(ports, environment, current, raw, key) or _is_behind(ports, raw, key, newest, now=now)
            drifting += cause == _DRIFT
        if not cause and drift.is_due(raw.raw, seen.get(key), now=now):
            cause = "members"
        if cause:
            yield group_work(member.ref, member.pool.ref, cause=f"tick: {cause}")
    for run, count in on.items():
        metrics.fleet(environment.name, run, count)
    metrics.drifting(environment.name, drifting)
    metrics.held(environment.name, len(current.held))


def _on(raw: InstanceGroup, current: Released) -> metrics.On:
    """Which run the group is on, in a word."""
    runs = {run_id_of(last_part(each)) for each in raw.templates}
    return "GKE" if None in runs else "released" if runs == {current.run_id} else "another"


def _busy(ports: Ports, environment: Environment) -> set[str]:
    """Groups in the hands of a rollout."""
    return {
        target.group
        for rollout in known_rollouts.unfinished(ports, environment.name)
        if not rollout.finished and rollout.phase != "offered"
        for target in rollout.targets
    }


def _differs(ports: Ports, environment: Environment, current: Released, raw: InstanceGroup, key: str) -> str:
    """Not on the released run, and not for a reason that is known."""
    if {run_id_of(last_part(each)) for each in raw.templates} == {current.run_id}:
        return ""
    refusal, now = ports.store.get(refusals.COLLECTION, key), ports.clock.now()
    if refusal and refusals.still_holds(refusal.body, raw.fingerprint, environment, current.image, now=now):
        return ""
    return _DRIFT


Newest = Mapping[str, tuple[datetime, str]]


def _newest_templates(ports: Ports, project: str) -> dict[str, tuple[datetime, str]]:
    """By the beginning of the name that a pool's templates share: the newest that GKE issued; by their names: when ours
    were made. Whole templates hold a kube-env each, so they are listed in brief."""
    found: dict[str, tuple[datetime, str]] = {}
    for raw in ports.compute.templates_in_brief(project):
        template = InstanceTemplate(raw)
        if template.created is None or not template.name.startswith("gke-"):
            continue
        place = template.name if is_ours(template) else _GKES.sub("", template.name)
        found[place] = max(found.get(place, (template.created, template.name)), (template.created, template.name))
    return found


def _is_behind(ports: Ports, raw: InstanceGroup, key: str, newest: Newest, *, now: float) -> str:
    """Whether GKE issued a template for the pool after ours was planned, and nobody has looked because of it yet."""
    ours = last_part(raw.templates[0]) if raw.templates else ""
    made, issued = newest.get(ours), newest.get(_OURS.sub("", ours))
    if made is None or issued is None or (made[0] - issued[0]).total_seconds() > PLANNING_SECONDS:
        return ""
    stored = ports.store.get(HINTS, key)
    if stored and stored.body["template"] == issued[1] and now - stored.body["at"] < HINT_SECONDS:
        return ""
    try:
        body = {"template": issued[1], "at": now}
        ports.store.put(HINTS, key, body, version=stored.version if stored else None)
    except Conflict:
        return ""  # another tick asks
    return f"GKE issued {issued[1]}"
