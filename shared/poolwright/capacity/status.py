"""What `kubectl get nodeprovisioners` shows: the status, made of what was seen and decided. Pure.

Conditions are those of https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties.

| Ready | reason | when |
|---|---|---|
| True | Holding, Growing, Shrinking | what is decided |
| True | Working | what was decided earlier is being done |
| False | Refused, SecondMaster | it cannot be worked with; the message says why and what to do |
| False | Suspended | STATE forbids to begin anything |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from poolwright.capacity.decision import Decision, Grow, Hold, Shrink
from poolwright.capacity.observation import Group, Observation

Json = dict[str, Any]

RUNNING = "Running"
_WORDS: dict[type, str] = {Grow: "Growing", Shrink: "Shrinking", Hold: "Holding"}
_TIMES = frozenset({"lastTransitionTime", "time"})
_LONGEST = 1000  # characters of a message


def build(
    *,
    generation: int,
    mode: str,
    state: str,
    seen: Observation | None,
    decision: Decision | None,
    previous: Mapping[str, Any],
    now: float,
    refusal: str = "",
    refusal_reason: str = "Refused",
    suspended: str = "",
    at_work: str = "",
    notes: Iterable[str] = (),
    dry: Mapping[str, float] | None = None,
) -> Json:
    """The whole status.

    `refusal`: why the provisioner cannot be worked with, `refusal_reason` that in a word; `suspended`: why nothing may
    begin; `at_work`: what is being done that was decided earlier; `notes`: what else people should know; `dry`: when
    each group without stock is asked again, seconds since the epoch. `seen` and `decision` are None where nothing could
    be seen or decided. `previous`: the object's status; the last decision stays until there is another.
    """
    word, text = _ready(decision, refusal=refusal, refusal_reason=refusal_reason, suspended=suspended, at_work=at_work)
    ready = not refusal and not suspended
    conditions = [("Ready", ready, word, " ".join((text, *notes)).strip())]
    if seen is not None:
        missing = "; ".join(seen.unknown)
        conditions.append(
            ("Observed", not missing, "Unknown" if missing else "Complete", missing or "everything could be read")
        )
    status: Json = {
        "observedGeneration": generation,
        "mode": mode,
        "state": state,
        "conditions": [
            _condition(kind, true, reason, message, generation=generation, previous=previous, now=now)
            for kind, true, reason, message in conditions
        ],
    }
    if seen is not None:
        status["observed"] = _observed(seen)
        status["groups"] = [_group(group, (dry or {}).get(group.name, 0), now) for group in seen.groups]
    if decided := _decided(decision, previous.get("lastDecision"), now):
        status["lastDecision"] = decided
    return status


def patch(previous: Mapping[str, Any], status: Mapping[str, Any]) -> Json:
    """The merge patch (RFC 7396) that makes `previous` what `status` is; empty where nothing but times differs."""
    return _difference(previous, status) if _timeless(previous) != _timeless(status) else {}


def _ready(
    decision: Decision | None, *, refusal: str, refusal_reason: str, suspended: str, at_work: str
) -> tuple[str, str]:
    """The reason in a word and in words."""
    if refusal:
        return refusal_reason, refusal
    if suspended:
        return "Suspended", suspended
    if at_work or decision is None:
        return "Working", at_work or "what was decided earlier is being done"
    return _WORDS[type(decision)], decision.reason


def _condition(
    kind: str, true: bool, reason: str, message: str, *, generation: int, previous: Mapping[str, Any], now: float
) -> Json:
    word = "True" if true else "False"
    before: Json = next((each for each in previous.get("conditions", []) if each.get("type") == kind), {})
    same = before.get("status") == word and before.get("lastTransitionTime")
    return {
        "type": kind,
        "status": word,
        "reason": reason,
        "message": message[:_LONGEST],
        "lastTransitionTime": before["lastTransitionTime"] if same else _time(now),
        "observedGeneration": generation,
    }


def _observed(seen: Observation) -> Json:
    observed: Json = {
        "nodes": seen.members,
        "ready": len(seen.serving),
        "onTheWay": seen.on_the_way,
        "idleNodes": sum(node.idle for node in seen.serving),
        "gpus": sum(node.gpus for node in seen.serving),
        "gpusUsed": sum(node.used for node in seen.serving),
        "pendingGPUs": sum(seen.pending),
    }
    if seen.utilization is not None:
        observed["gpuUtilizationPercent"] = round(seen.utilization)
    if seen.unknown:
        observed["unknown"] = list(seen.unknown)
    return observed


def _group(group: Group, dry_until: float, now: float) -> Json:
    found: Json = {"name": group.name, "members": group.members, "onTheWay": group.on_the_way}
    if dry_until > now:
        found["stockedOutUntil"] = _time(dry_until)
    if group.refusal:
        found["refusal"] = group.refusal[:_LONGEST]
    return found


def _decided(decision: Decision | None, previous: Mapping[str, Any] | None, now: float) -> Json:
    if decision is None:
        return dict(previous or {})
    made: Json = {
        "action": type(decision).__name__,
        "target": decision.target,
        "reason": decision.reason[:_LONGEST],
        "wouldChangeIf": decision.would_change_if[:_LONGEST],
    }
    before = dict(previous or {})
    since = before.pop("time", None)
    return {**made, "time": since if since and before == made else _time(now)}


def _timeless(value: Any) -> Any:
    """Without what says only when."""
    if isinstance(value, Mapping):
        return {key: _timeless(below) for key, below in value.items() if key not in _TIMES}
    return [_timeless(item) for item in value] if isinstance(value, list) else value


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Json:
    changes: Json = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            if below := _difference(before, value):
                changes[key] = below
        elif key not in old or before != value:
            changes[key] = value
    return changes


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
