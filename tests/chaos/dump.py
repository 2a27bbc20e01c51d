"""What a run came to, in a form in which two runs can be compared: the world, the store and the log of mutating calls,
less ids, times, random parts of names, and causes.

Things are compared as multisets a table, calls in their order a target. Left out altogether:
- Pub/Sub, operations, request ids: the traces of messages and calls, and calls are compared themselves;
- time series, heartbeats, Kubernetes' events and leases: they tell of how long it took;
- provisioners' status: it says what was seen last, and is written again whenever that reads differently.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.calls import CallRecord
from tests.chaos.harness import Flow, Json

COLLECTIONS = (
    "builds", "control", "drift", "environments", "intents", "leases", "provisioners", "records", "refusals",
    "rollouts", "runs", "targets", "unfinished",
)  # fmt: skip
COLLECTIONS_OF_TIME = ("hints", "retention")  # what was asked for lately, and since when nobody names a template
# Records of messages that were heard: where a message never came, there is none.
HEARD = ("alert", "build heard", "node pool changed")

# Told beside what was done in the end: that somebody died between decision and effect, that a rollout had to wait.
BESIDE = ("not done: ", "held: ")

_TABLES_OF_TIME = re.compile(
    r"^(counters|pubsub\..*|compute\.(operations|requests|effects)|gke\.(operations|state|secrets)"
    r"|monitoring\.(timeSeries|states?)|kubernetes)$"
)
_KINDS_OF_TIME = ("counters", "events", "leases.coordination.k8s.io")
_FIELDS_OF_TIME = re.compile(
    r"^(id|uid|etag|resourceVersion|requestId|generation|observedGeneration|podCIDRs?|turn|runs|deadline"
    r"|at|until|began|verified|created|changed_at|grown_at|shrunk_at|cause|commanded|started_at|ended_at|incident_id|where"
    r"|.*[iI]d|.*[tT]ime|.*Timestamp|.*[fF]ingerprint|.*Hash|managedFields)$"
)
_RANDOM = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)"), "TIME"),
    (re.compile(r"\b\d\d:\d\d:\d\d UTC"), "TIME"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "MACHINE"),
    (re.compile(r"operation-[0-9a-z-]+"), "OPERATION"),
    (re.compile(r"\b\d+\.\d+\.\d+\.\d+(/\d+)?\b"), "ADDRESS"),
    (re.compile(r"\b0\.[0-9a-z]{12}\b"), "INCIDENT"),
    (re.compile(r"(?<![\w/-])(?=[A-Za-z+/]*[0-9])[A-Za-z0-9+/]{40,}={0,2}"), "SECRET"),
    (re.compile(r"-pw-(\d+)-[0-9a-f]{10}"), r"-pw-\1-HASH"),
    (re.compile(r"\b(gke-[a-z0-9-]+?)-[0-9a-f]{8}\b(-(?!grp\b)[a-z0-9]{4}\b)?"), r"\1-HASH\2"),
    (re.compile(r"(-HASH)-(?!grp\b)[a-z0-9]{4}\b"), r"\1-NAME"),
    (re.compile(r"\b([a-z]+-[0-9a-f]{10})-[a-z0-9]{5}\b"), r"\1-NAME"),
    (re.compile(r"\b\d{17,}\b"), "ID"),
    (re.compile(r"\b1[67]\d{8}(\.\d+)?\b"), "TIME"),
    (re.compile(r"(run \d+ is being built) (already|on [\w.-]+):"), r"\1:"),  # whoever asked first
)


def of(flow: Flow, *, heard: bool) -> dict[str, list[str]]:
    """Section -> lines. `heard`: with the records that tell of messages received."""
    world = flow.there(lambda: json.loads(json.dumps(flow.stack.world.tables)))
    sections: dict[str, list[str]] = {}
    for name, table in world.items():
        if not _TABLES_OF_TIME.match(name):
            sections[f"world {name}"] = _lines(table)
    for cluster in world["kubernetes"].values():
        for kind, objects in cluster.items():
            if kind not in _KINDS_OF_TIME:
                sections[f"kubernetes {kind}"] = _lines(objects)
    unknown = flow.ground.collections() - {*COLLECTIONS, *COLLECTIONS_OF_TIME}
    assert not unknown, f"collections of the store that nobody compares: {unknown}"
    for collection in COLLECTIONS:
        documents = {each.key: each.body for each in flow.ports.store.all(collection)}
        if collection == "leases":  # one that has ended is nobody's, whether or not somebody has tidied it away
            documents = {key: each for key, each in documents.items() if each["until"] > flow.now()}
        if collection == "drift":  # which is over, or was only seen in between, tells of when somebody looked
            documents = drifting = {key: each for key, each in documents.items() if each["members"]}
        if collection == "records":
            kept = [each for each in documents.values() if heard or each["kind"] not in HEARD]
            kept = [each for each in kept if each["kind"] != "drift" or each["subject"] in drifting]
            # Word of a node pool that comes when the pool is gone is let go.
            pools = world["gke.nodePools"]
            kept = [each for each in kept if each["kind"] != "node pool changed" or _is_there(each["subject"], pools)]
            sections["store records"] = sorted(map(_row, _without_beside(kept)))  # their keys are hashes
        else:
            sections[f"store {collection}"] = _lines(documents)
    sections["calls"] = _calls(flow.stack.world.calls.mutating())
    return {name: lines for name, lines in sections.items() if lines}


def _without_beside(records: Iterable[Json]) -> list[Json]:
    """Without what is told beside, and a decision that was taken anew, because nothing had come of it, once."""
    kept = [each for each in records if not each["what"].startswith(BESIDE)]
    for each in records:
        if each["what"].startswith("not done: "):
            decided = (each["what"].removeprefix("not done: "), *_about(each))
            alike = [other for other in kept if (other["what"], *_about(other)) == decided]
            if len(alike) > 1:
                kept.remove(alike[0])
    return kept


def _is_there(subject: str, pools: Mapping[str, Any]) -> bool:
    return "/nodePools/" not in subject or subject in pools


def _about(record: Json) -> tuple[str, str]:
    return record["kind"], record["subject"]


def difference(clean: Mapping[str, list[str]], twisted: Mapping[str, list[str]]) -> str:
    """What differs, for people; nothing where nothing does."""
    told: list[str] = []
    for name in sorted(clean.keys() | twisted.keys()):
        before, after = clean.get(name, []), twisted.get(name, [])
        if before != after:
            told.append(f"== {name}")
            changes = difflib.unified_diff(_readable(before), _readable(after), "clean", "twisted", lineterm="", n=2)
            told += list(changes)[2:]
    return "\n".join(told)


def _lines(table: Mapping[str, Any]) -> list[str]:
    """A table as a multiset of its rows."""
    return sorted(f"{_scrub(key)}: {_row(row)}" for key, row in table.items())


def _row(row: Any) -> str:
    return _scrub(json.dumps(_stripped(row), sort_keys=True))


def _calls(calls: Iterable[CallRecord]) -> list[str]:
    """Every call that changed something, in order, target by target: what is done to one thing has no say in when
    something is done to another."""
    found: dict[str, list[str]] = defaultdict(list)
    for call in calls:
        if call.host.startswith("pubsub") or call.method == "nodeprovisioners/status.patch":
            continue
        found[_target(call)].append(f"{call.host} {call.method} {_row(call.params)}")
    return [line for _, lines in sorted(found.items()) for line in lines]


def _target(call: CallRecord) -> str:
    params: Json = call.params
    for name in ("instanceGroupManager", "name", "instanceTemplateResource", "instanceTemplate"):
        if name in params:
            target = params[name]["name"] if isinstance(params[name], dict) else params[name]
            return f"{call.host} {params.get('zone', '')} {_scrub(str(target))}"
    return call.host


def _stripped(value: Any) -> Any:
    """Without ids and times."""
    if isinstance(value, dict):
        if value.keys() >= {"group", "pool", "state", "reason"}:  # of a target: as its last look put it
            value = {**value, "reason": ""}
        if value.keys() >= {"outbox", "sequence"}:  # of a rollout, which counts its records
            value = {**value, "sequence": 0}
        kept = {key: _stripped(each) for key, each in value.items() if not _FIELDS_OF_TIME.match(key)}
        return {_scrub(key): each for key, each in kept.items()}
    if isinstance(value, list):
        return [_stripped(each) for each in value]
    return value


def _scrub(text: str) -> str:
    for pattern, name in _RANDOM:
        text = pattern.sub(name, text)
    return text


def _readable(lines: Iterable[str]) -> list[str]:
    """One line a field, so that a difference shows what differs."""
    told = []
    for line in lines:
        head, _, body = line.partition("{")
        try:
            told += [head, *json.dumps(json.loads("{" + body), indent=1).splitlines()]
        except ValueError:
            told.append(line)
    return told
