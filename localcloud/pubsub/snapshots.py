"""Snapshots and seek (https://cloud.google.com/pubsub/docs/replay-overview).

A snapshot holds what its subscription had not acknowledged, and everything published to the topic since:
`{"resource": Snapshot, "messages": [PubsubMessage, ...]}` in the table `pubsub.snapshots`.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from localcloud.dispatch import Answer, Call
from localcloud.pubsub.backlog import ACKED, Backlog
from localcloud.pubsub.filters import matches
from localcloud.pubsub.limits import check_labels, invalid
from localcloud.pubsub.names import already_exists, not_found, project_path, resource_name
from localcloud.pubsub.subscriptions import Subscriptions
from localcloud.pubsub.updates import changed, page
from localcloud.world import World

WEEK = 7 * 86400


class Snapshots:
    """Subscriber's methods about snapshots, and Seek."""

    def __init__(self, world: World, backlog: Backlog, subscriptions: Subscriptions) -> None:
        self._world = world
        self._backlog = backlog
        self._subscriptions = subscriptions

    @property
    def _table(self) -> dict[str, Any]:
        return self._world.table("pubsub.snapshots")

    def _named(self, name: str) -> dict[str, Any]:
        full = resource_name(self._world, "snapshots", name)
        if full not in self._table:
            raise not_found(full)
        return dict(self._table[full])

    def CreateSnapshot(self, call: Call) -> Answer:
        name = resource_name(self._world, "snapshots", call.params.get("name", ""))
        subscription = self._subscriptions.named(call.params.get("subscription", ""))
        if name in self._table:
            raise already_exists(name)
        check_labels(call.params.get("labels", {}))
        resource = {
            "name": name,
            "topic": subscription["topic"],
            "expireTime": self._world.simulation.timestamp(self._world.simulation.now() + WEEK),
            "labels": call.params.get("labels", {}),
        }
        entries = self._backlog.entries(subscription["name"]).values()
        messages = [copy.deepcopy(each["message"]) for each in entries if each["state"] != ACKED]
        self._table[name] = {"resource": resource, "messages": messages}
        return resource

    def GetSnapshot(self, call: Call) -> Answer:
        return dict(self._named(call.params.get("snapshot", ""))["resource"])

    def UpdateSnapshot(self, call: Call) -> Answer:
        wanted = call.params.get("snapshot", {})
        snapshot = self._named(wanted.get("name", ""))
        mask = call.params.get("updateMask", "")
        fresh = changed(snapshot["resource"], wanted, mask, kind="Snapshot", mutable={"labels", "expireTime"})
        check_labels(fresh.get("labels", {}))
        self._table[fresh["name"]]["resource"] = fresh
        return fresh

    def ListSnapshots(self, call: Call) -> Answer:
        start = project_path(self._world, call.params.get("project", "")) + "/"
        names = [name for name in self._table if name.startswith(start)]
        chosen, token = page(names, call.params)
        return {"snapshots": [self._table[name]["resource"] for name in chosen], **token}

    def DeleteSnapshot(self, call: Call) -> Answer:
        name = self._named(call.params.get("snapshot", ""))["resource"]["name"]
        del self._table[name]
        return {}

    def Seek(self, call: Call) -> Answer:
        """To a time: what was published before is done, what is still kept from after is due again."""
        subscription = self._subscriptions.named(call.params.get("subscription", ""))
        if "snapshot" in call.params:
            self._seek_snapshot(subscription, call.params["snapshot"])
        elif "time" in call.params:
            self._seek_time(subscription, datetime.fromisoformat(call.params["time"]).astimezone(UTC))
        else:
            raise invalid("No target was specified in the SeekRequest. Must specify either a time or a snapshot")
        return {}

    def _seek_snapshot(self, subscription: dict[str, Any], name: str) -> None:
        snapshot = self._named(name)
        if snapshot["resource"]["topic"] != subscription["topic"]:
            raise invalid(
                f"The topic of the snapshot is {snapshot['resource']['topic']} and that of the subscription "
                f"{subscription['topic']}; they must match in order for Seek work."
            )
        self._backlog.drop(subscription["name"])
        for message in snapshot["messages"]:
            if matches(subscription.get("filter", ""), message.get("attributes", {})):
                self._backlog.add(subscription["name"], copy.deepcopy(message))

    def _seek_time(self, subscription: dict[str, Any], moment: datetime) -> None:
        kept = [copy.deepcopy(each["message"]) for each in self._backlog.entries(subscription["name"]).values()]
        self._backlog.drop(subscription["name"])
        for message in kept:
            if datetime.fromisoformat(message["publishTime"]) >= moment:
                self._backlog.add(subscription["name"], message)
