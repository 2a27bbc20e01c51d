"""Alert policies judged at every sample: incidents open, close and are told to the policies' Pub/Sub channels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from localcloud.monitoring import filters
from localcloud.monitoring.channels import Channels
from localcloud.monitoring.notifications import message
from localcloud.monitoring.policies import Policies
from localcloud.monitoring.queries import Queries
from localcloud.monitoring.sampling import PERIOD_SECONDS
from localcloud.monitoring.series import Series, key_of
from localcloud.monitoring.times import seconds
from localcloud.world import Table, World

AUTO_CLOSE = "604800s"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
Json = dict[str, Any]


class Incidents:
    """Table `monitoring.states`: `condition|series` -> since when it holds, and its incident once that is open.

    `monitoring.incidents`: incident id -> the incident as it was last told.
    """

    def __init__(self, world: World, policies: Policies, channels: Channels, queries: Queries) -> None:
        self._world = world
        self._policies = policies
        self._channels = channels
        self._queries = queries

    @property
    def _states(self) -> Table:
        return self._world.table("monitoring.states")

    def judge(self) -> None:
        """Judge every policy on what the series say now."""
        for policy in list(self._policies.table.values()):
            if policy.get("enabled", True):
                self._judge_policy(policy)
        known = {each["name"]: each for policy in self._policies.table.values() for each in policy["conditions"]}
        for key, state in list(self._states.items()):
            if key.split("|")[0] not in known or not self._policies.table[state["policy"]].get("enabled", True):
                self._close(key, state, value=None)

    def _judge_policy(self, policy: Json) -> None:
        conditions = [each for each in policy["conditions"] if "conditionThreshold" in each]
        found = {each["name"]: self._values(policy, each) for each in conditions}
        broken = {name: [one for one in each if one[2]] for name, each in found.items()}
        together = policy.get("combiner") in ("AND", "AND_WITH_MATCHING_RESOURCE")
        all_broken = all(broken.values())
        for condition in conditions:
            enough = _enough(
                condition["conditionThreshold"], len(broken[condition["name"]]), len(found[condition["name"]])
            )
            for series, value, breaks in found[condition["name"]]:
                held = breaks and enough and (all_broken or not together)
                self._judge_series(policy, condition, series, value, held=held)
            self._judge_missing(policy, condition, {key_of(series) for series, _, _ in found[condition["name"]]})

    def _values(self, policy: Json, condition: Json) -> list[tuple[Series, float, bool]]:
        """Each series of a condition with its newest value and whether that breaks the threshold."""
        threshold = condition["conditionThreshold"]
        now, speed = self._world.simulation.now(), self._world.simulation.speed
        aggregations = threshold.get("aggregations", [])
        # A sample that is due now may come a little late when time is real and compressed.
        look_back = max([PERIOD_SECONDS, *(seconds(each.get("alignmentPeriod")) for each in aggregations)]) / speed
        found = self._queries.run(
            project=policy["name"].split("/")[1],
            term=filters.read(threshold["filter"], field="filter"),
            start=now - look_back,
            end=now,
            aggregations=aggregations,
        )
        limit = float(threshold.get("thresholdValue", 0.0))
        above = threshold["comparison"] == "COMPARISON_GT"
        newest = [(each, float(each["points"][0][2])) for each in found]
        return [(each, value, value > limit if above else value < limit) for each, value in newest]

    def _judge_series(self, policy: Json, condition: Json, series: Series, value: float, *, held: bool) -> None:
        key = f"{condition['name']}|{key_of(series)}"
        state = self._states.get(key)
        if not held:
            if state is not None:
                self._close(key, state, value=value)
            return
        now, speed = self._world.simulation.now(), self._world.simulation.speed
        if state is None:
            state = {"policy": policy["name"], "since": now}
            self._states[key] = state
        state["seen"] = now
        wait = seconds(condition["conditionThreshold"].get("duration"))
        # Real samples come a few milliseconds apart from their period.
        if "incident" not in state and (now - state["since"]) * speed >= wait - PERIOD_SECONDS / 10:
            self._open(state, policy, condition, series, value)

    def _judge_missing(self, policy: Json, condition: Json, present: set[str]) -> None:
        """Series without data: their incidents stay open until auto-close, unless the condition says otherwise."""
        now, speed = self._world.simulation.now(), self._world.simulation.speed
        inactive = condition["conditionThreshold"].get("evaluationMissingData") == "EVALUATION_MISSING_DATA_INACTIVE"
        patience = seconds(policy.get("alertStrategy", {}).get("autoClose", AUTO_CLOSE))
        for key, state in self._of(condition["name"]):
            if key.partition("|")[2] in present:
                continue
            if "incident" not in state or inactive or (now - state["seen"]) * speed >= patience:
                self._close(key, state, value=None)

    def _of(self, condition: str) -> Iterator[tuple[str, Json]]:
        yield from [(key, each) for key, each in self._states.items() if key.startswith(f"{condition}|")]

    def _open(self, state: Json, policy: Json, condition: Json, series: Series, value: float) -> None:
        dice = self._world.simulation.random
        incident_id = "0." + "".join(dice.choice(_DIGITS) for _ in range(12))
        told = message(
            self._world,
            policy=policy,
            condition=condition,
            series=series,
            value=value,
            incident_id=incident_id,
            started_at=int(self._world.simulation.now()),
            ended_at=None,
        )
        state |= {"incident": incident_id, "condition": condition, "series": {**series, "points": []}}
        state["started"] = told["incident"]["started_at"]
        state["policyWas"] = policy
        self._tell(incident_id, policy, told)

    def _close(self, key: str, state: Json, *, value: float | None) -> None:
        del self._states[key]
        if "incident" not in state:
            return
        policy: Json = self._policies.table.get(state["policy"]) or state["policyWas"]
        told = message(
            self._world,
            policy=policy,
            condition=state["condition"],
            series=state["series"],
            value=value,
            incident_id=state["incident"],
            started_at=state["started"],
            ended_at=int(self._world.simulation.now()),
        )
        self._tell(state["incident"], policy, told)

    def _tell(self, incident_id: str, policy: Json, told: Json) -> None:
        self._world.table("monitoring.incidents")[incident_id] = told["incident"]
        for topic in self._channels.topics(policy.get("notificationChannels", [])):
            self._world.publish(topic, json.dumps(told).encode(), {})


def _enough(threshold: Json, broken: int, total: int) -> bool:
    """Whether as many series break the threshold as the condition's trigger asks for."""
    trigger = threshold.get("trigger", {})
    if "percent" in trigger:
        return total > 0 and broken * 100 >= trigger["percent"] * total
    return broken >= int(trigger.get("count", 1) or 1)
