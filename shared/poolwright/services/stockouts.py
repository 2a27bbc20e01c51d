"""Groups that have nothing to give: members that cannot be made are seen and cancelled, and the group is left alone for
a while, longer each time.

A member that is asked for by name is tried once and is gone when it could not be made; one that somebody's resize or a
repair asks for is tried for ever. The group's errors say why in both cases (listErrors,
https://cloud.google.com/compute/docs/reference/rest/v1/instanceGroupManagers/listErrors).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import msgspec

from poolwright import metrics
from poolwright.capacity import observing
from poolwright.environments import Environment
from poolwright.references import GroupRef, last_part
from poolwright.services import growing, leases
from poolwright.services.memory import Asked, Memory, drier, save
from poolwright.services.observe_provisioner import LISTED_SECONDS, Sight
from poolwright.services.ports import Json, Ports
from poolwright.services.records import record

# A group's own retry comes within a minute or two; whoever fails for longer than that is not what is needed now.
STUCK_SECONDS = 120.0
_MADE = ("CREATING", "CREATING_WITHOUT_RETRIES", "RECREATING")
# ZONE_RESOURCE_POOL_EXHAUSTED, ..._WITH_DETAILS, QUOTA_EXCEEDED, IP_SPACE_EXHAUSTED and their kin
# (https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-resource-availability).
_SHORTAGES = ("RESOURCE_POOL_EXHAUSTED", "QUOTA", "IP_SPACE_EXHAUSTED")
# A reservation that is used up is CONDITION_NOT_MET with these words, as the cluster autoscaler knows it
# (github.com/kubernetes/autoscaler, cluster-autoscaler/cloudprovider/gce/autoscaling_gce_client.go).
_USED_UP = "does not have available resources for the request"


def is_shortage(error: str) -> bool:
    """Whether an error (`CODE: message`) says that there is not enough of something, now and here."""
    code = error.partition(":")[0]
    return any(word in code for word in _SHORTAGES) or _USED_UP in error


def refusals(memory: Memory, *, now: float) -> dict[str, str]:
    """Why groups that were dry are not asked yet, by group's name."""
    return {
        name: f"it had nothing to give ({dry.why or 'no stock'}) and is asked again at {_clock(dry.until)}"
        for name, dry in memory.dry.items()
        if dry.until > now
    }


def look_after(
    ports: Ports, environment: Environment, sight: Sight, memory: Memory, *, key: str, cause: str, cancels: bool
) -> tuple[Memory, Sight]:
    """See what became of members that were asked for and, where that may be begun (`cancels`), cancel those that cannot
    be made: the memory, and the sight without what was cancelled. Busy, Weather."""
    memory, sight = _see_what_came(ports, environment, sight, memory, key=key, cause=cause)
    for name, group in sight.groups.items() if cancels else ():
        stuck = [member for member in sight.members[name] if _is_short(member)]
        if stuck:
            memory, gone = _cancel(ports, environment, name, group, stuck, memory, key=key, cause=cause)
            sight = _without(sight, name, gone)
    return memory, sight


def _see_what_came(
    ports: Ports, environment: Environment, sight: Sight, memory: Memory, *, key: str, cause: str
) -> tuple[Memory, Sight]:
    now = ports.clock.now()
    useful = {node.name for node in sight.seen.serving}
    left: list[Asked] = []
    dry = dict(memory.dry)
    for asked in memory.coming:
        if asked.group not in sight.groups:
            continue
        here = {last_part(member["instance"]) for member in sight.members[asked.group]}
        if any(name in useful for name in asked.names):
            dry.pop(asked.group, None)
        away = [name for name in asked.names if name not in here]
        told = _told(ports, sight.groups[asked.group], since=asked.at) if away else {}
        is_old = now - asked.at >= LISTED_SECONDS
        gone = [name for name in away if is_old or name in told]
        if gone:
            why = next((told[name] for name in gone if name in told), "")
            record(
                ports, kind="capacity", subject=key, what=f"{len(gone)} nodes did not come in {asked.group}",
                why=why or "they are no members any more", cause=cause, environment=environment.name,
                once=f"grow {asked.turn} lost {' '.join(gone)}", nodes=gone,
            )  # fmt: skip
            if is_shortage(why):
                dry[asked.group] = drier(dry.get(asked.group), f"{key}|{asked.group}", why, now=now)
                metrics.stockout(key, asked.group)
            if not is_old:  # so far they counted as on their way
                sight = sight.with_members(asked.group, sight.members[asked.group], fewer=len(gone))
        waits = tuple(name for name in asked.names if name not in useful and name not in gone)
        if waits and now - asked.at < observing.LATE_SECONDS:
            left.append(msgspec.structs.replace(asked, names=waits))
    if tuple(left) == memory.coming and dry == memory.dry:
        return memory, sight
    return save(ports, key, memory, coming=tuple(left), dry=dry), sight


def _told(ports: Ports, group: GroupRef, *, since: float) -> dict[str, str]:
    """The last error that the group tells of each instance since then, `CODE: message`."""
    found = {}
    for each in ports.compute.errors(group):
        if "error" in each and _seconds(each) >= since - LISTED_SECONDS:  # two clocks
            about = last_part(each.get("instanceActionDetails", {}).get("instance", ""))
            found[about] = f"{each['error'].get('code')}: {each['error'].get('message')}"
    return found


def _is_short(member: Json) -> bool:
    return member.get("currentAction") in _MADE and bool(_shortage(member))


def _shortage(member: Json) -> str:
    errors = member.get("lastAttempt", {}).get("errors", {}).get("errors", [])
    told = (f"{each.get('code')}: {each.get('message', '')}" for each in errors)
    return next((text for text in told if is_shortage(text)), "")


def _cancel(
    ports: Ports,
    environment: Environment,
    name: str,
    group: GroupRef,
    stuck: list[Json],
    memory: Memory,
    *,
    key: str,
    cause: str,
) -> tuple[Memory, set[str]]:
    """Delete those that fail for too long, whoever asked for them, unless somebody has the group in hand."""
    now = ports.clock.now()
    firsts: dict[str, float] = {}
    for each in ports.compute.errors(group):
        about = last_part(each.get("instanceActionDetails", {}).get("instance", ""))
        firsts[about] = min(firsts.get(about, now), _seconds(each))
    old = [each for each in stuck if now - firsts.get(last_part(each["instance"]), now) >= STUCK_SECONDS]
    if not old:
        return memory, set()
    why = _shortage(old[0])
    names = sorted(last_part(member["instance"]) for member in old)
    try:
        with growing.hand_on(ports, group, memory, key=key):
            known = memory.dry.get(name)
            if known is None or known.until <= now:
                dry = {**memory.dry, name: drier(known, f"{key}|{name}", why, now=now)}
                memory = save(ports, key, memory, dry=dry)
                metrics.stockout(key, name)

            def say(what: str, once: str) -> None:
                record(
                    ports, kind="capacity", subject=key, what=what, why=why, cause=cause, once=once,
                    environment=environment.name, nodes=names,
                )  # fmt: skip

            turn = f"{' '.join(names)} {memory.dry[name].until:.0f}"
            say(f"to cancel {len(names)} nodes that cannot be made in {name}", f"cancel {turn} decided")
            links = [member["instance"] for member in old]
            ports.compute.delete_instances(group, links, request_id=ports.clock.unique())
            say(f"cancelled {len(names)} nodes that cannot be made in {name}", f"cancel {turn}")
    except leases.Held:
        return memory, set()
    return memory, set(names)


def _without(sight: Sight, name: str, gone: Collection[str]) -> Sight:
    if not gone:
        return sight
    kept = [member for member in sight.members[name] if last_part(member["instance"]) not in gone]
    return sight.with_members(name, kept, fewer=len(sight.members[name]) - len(kept))


def until(memory: Memory) -> Mapping[str, float]:
    """When each dry group is asked again, seconds since the epoch."""
    return {name: dry.until for name, dry in memory.dry.items()}


def _seconds(error: Json) -> float:
    return datetime.fromisoformat(error["timestamp"]).timestamp()


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S UTC")
