"""How far each target of a rollout is: documents of their own, laid over the rollout's."""

from __future__ import annotations

import msgspec

from poolwright.rollouts.rollout import Rollout, Target, with_targets
from poolwright.services.ports import Conflict, Ports
from poolwright.verdicts import Busy

COLLECTION = "targets"


def merged(ports: Ports, rollout: Rollout) -> Rollout:
    """The rollout with its targets as they are now."""
    found = ports.store.beginning(COLLECTION, f"{rollout.id}|")
    return with_targets(rollout, {target.group: target for target in (_read(each.body) for each in found)})


def load(ports: Ports, rollout: Rollout, group: str) -> tuple[Target, int | None]:
    """One target as it is now, and the version of its document. LookupError where the rollout has no such group."""
    stored = ports.store.get(COLLECTION, _key(rollout, group))
    if stored is not None:
        return _read(stored.body), stored.version
    for target in rollout.targets:
        if target.group == group:
            return target, None
    raise LookupError(f"{rollout.id} has no group {group}")


def save(ports: Ports, rollout: Rollout, target: Target, version: int | None) -> int:
    """Write one target; the new version. Busy where somebody else wrote it since."""
    try:
        return ports.store.put(COLLECTION, _key(rollout, target.group), msgspec.to_builtins(target), version=version)
    except Conflict:
        raise Busy(f"{target.group} of {rollout.id} is looked at by somebody else") from None


def forget(ports: Ports, rollout: Rollout, *, most: int) -> bool:
    """Delete the documents of targets, which the rollout's own has taken over, at most so many; whether none is left.
    Busy."""
    if merged(ports, rollout) != rollout:
        return True  # they say more than it does
    found = ports.store.beginning(COLLECTION, f"{rollout.id}|")
    for each in found[:most]:
        try:
            ports.store.delete(COLLECTION, each.key, version=each.version)
        except Conflict:
            raise Busy(f"{each.key} is looked at by somebody else") from None
    return len(found) <= most


def _key(rollout: Rollout, group: str) -> str:
    return f"{rollout.id}|{group}"


def _read(body: dict[str, object]) -> Target:
    return msgspec.convert(body, Target)
