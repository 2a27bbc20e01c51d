"""Topics: google.pubsub.v1.Publisher (https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics)."""

from __future__ import annotations

import copy
from typing import Any

from localcloud.dispatch import Answer, Call
from localcloud.pubsub.backlog import Backlog
from localcloud.pubsub.filters import matches
from localcloud.pubsub.limits import check_labels, check_publish, check_retention, refuse_unoffered
from localcloud.pubsub.names import DELETED_TOPIC, already_exists, not_found, project_path, resource_name
from localcloud.pubsub.updates import changed, page
from localcloud.world import World

MUTABLE = {
    "labels", "messageStoragePolicy", "kmsKeyName", "schemaSettings", "messageRetentionDuration",
    "ingestionDataSourceSettings", "messageTransforms", "tags",
}  # fmt: skip
UNOFFERED = ("schemaSettings", "ingestionDataSourceSettings", "messageTransforms")


class Topics:
    """Topics in the table `pubsub.topics`, and what publishing to one does."""

    def __init__(self, world: World, backlog: Backlog) -> None:
        self._world = world
        self._backlog = backlog

    def named(self, name: str) -> dict[str, Any]:
        """The topic, by its name or its name with the project's number."""
        full = resource_name(self._world, "topics", name)
        if full not in self._topics:
            raise not_found(full)
        return dict(self._topics[full])

    def create(self, body: dict[str, Any]) -> Answer:
        """A new topic from its JSON; refused where one has that name."""
        name = resource_name(self._world, "topics", body.get("name", ""))
        if name in self._topics:
            raise already_exists(name)
        _check(body)
        self._topics[name] = {**copy.deepcopy(body), "name": name}
        return self.named(name)

    def publish(self, topic: str, messages: list[dict[str, Any]]) -> list[str]:
        """Stamp the messages and hand them to every subscription whose filter takes them; gives their ids."""
        name = self.named(topic)["name"]
        published = self._world.simulation.timestamp()
        ids = []
        for message in messages:
            message_id = str(10**16 + self._world.number("pubsub.message"))
            stamped = {**copy.deepcopy(message), "messageId": message_id, "publishTime": published}
            ids.append(message_id)
            self._hand_out(name, stamped)
        return ids

    def _hand_out(self, topic: str, message: dict[str, Any]) -> None:
        for snapshot in self._world.table("pubsub.snapshots").values():
            if snapshot["resource"]["topic"] == topic:
                snapshot["messages"].append(message)
        for subscription in list(self._world.table("pubsub.subscriptions").values()):
            takes = subscription["topic"] == topic and not subscription.get("detached")
            if takes and matches(subscription.get("filter", ""), message.get("attributes", {})):
                self._backlog.add(subscription["name"], message)

    @property
    def _topics(self) -> dict[str, Any]:
        return self._world.table("pubsub.topics")

    # Publisher's methods

    def CreateTopic(self, call: Call) -> Answer:
        return self.create(call.params)

    def GetTopic(self, call: Call) -> Answer:
        return self.named(call.params.get("topic", ""))

    def UpdateTopic(self, call: Call) -> Answer:
        wanted = call.params.get("topic", {})
        topic = self.named(wanted.get("name", ""))
        fresh = changed(topic, wanted, call.params.get("updateMask", ""), kind="Topic", mutable=MUTABLE)
        _check(fresh)
        self._topics[topic["name"]] = fresh
        return fresh

    def ListTopics(self, call: Call) -> Answer:
        start = project_path(self._world, call.params.get("project", "")) + "/"
        names = [name for name in self._topics if name.startswith(start)]
        chosen, token = page(names, call.params)
        return {"topics": [self._topics[name] for name in chosen], **token}

    def ListTopicSubscriptions(self, call: Call) -> Answer:
        topic = self.named(call.params.get("topic", ""))["name"]
        subscriptions = self._world.table("pubsub.subscriptions").values()
        names = [each["name"] for each in subscriptions if each["topic"] == topic and not each.get("detached")]
        chosen, token = page(names, call.params)
        return {"subscriptions": chosen, **token}

    def ListTopicSnapshots(self, call: Call) -> Answer:
        topic = self.named(call.params.get("topic", ""))["name"]
        snapshots = self._world.table("pubsub.snapshots").values()
        names = [each["resource"]["name"] for each in snapshots if each["resource"]["topic"] == topic]
        chosen, token = page(names, call.params)
        return {"snapshots": chosen, **token}

    def DeleteTopic(self, call: Call) -> Answer:
        """Its subscriptions stay, with what they have, and belong to `_deleted-topic_`."""
        name = self.named(call.params.get("topic", ""))["name"]
        del self._topics[name]
        self._world.table("pubsub.policies").pop(name, None)
        for subscription in self._world.table("pubsub.subscriptions").values():
            if subscription["topic"] == name:
                subscription["topic"] = DELETED_TOPIC
            if subscription.get("deadLetterPolicy", {}).get("deadLetterTopic") == name:
                subscription["deadLetterPolicy"]["deadLetterTopic"] = DELETED_TOPIC
        return {}

    def Publish(self, call: Call) -> Answer:
        topic = self.named(call.params.get("topic", ""))["name"]
        messages = call.params.get("messages", [])
        check_publish(messages)
        return {"messageIds": self.publish(topic, messages)}


def _check(topic: dict[str, Any]) -> None:
    check_labels(topic.get("labels", {}))
    check_retention(topic.get("messageRetentionDuration"))
    refuse_unoffered(topic, UNOFFERED)
