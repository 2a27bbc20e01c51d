"""NotificationChannelService: where incidents are sent. Channels of the type `pubsub` really are sent to.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.notificationChannels
"""

from __future__ import annotations

import re
from typing import Any

from localcloud.dispatch import Answer, Call
from localcloud.errors import GoogleError
from localcloud.monitoring.metrics import project_of
from localcloud.monitoring.naming import takes_named
from localcloud.monitoring.paging import page
from localcloud.monitoring.refusals import invalid, no_such
from localcloud.monitoring.updates import updated
from localcloud.world import Table, World

# type: (display name, its labels)
TYPES = {
    "email": ("Email", ("email_address",)),
    "pubsub": ("Cloud Pub/Sub", ("topic",)),
    "slack": ("Slack", ("channel_name", "auth_token", "team")),
    "webhook_tokenauth": ("Webhook with Token Authentication", ("url",)),
    "webhook_basicauth": ("Webhook with Basic Authentication", ("url", "username", "password")),
    "pagerduty": ("PagerDuty", ("service_key",)),
    "sms": ("SMS", ("number",)),
}
_TOPIC = re.compile(r"projects/[^/]+/topics/[^/]+")
_FIXED = ("name", "type", "creationRecord", "mutationRecords", "verificationStatus")


class Channels:
    """Channels in the table `monitoring.notificationChannels`, by name."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _table(self) -> Table:
        return self._world.table("monitoring.notificationChannels")

    def find(self, name: str) -> dict[str, Any] | None:
        """A channel by its name (with the project's id or number)."""
        found: dict[str, Any] | None = self._table.get(self._full(name))
        return found

    def topics(self, names: list[str]) -> list[str]:
        """The topics of those of the channels that are Pub/Sub's and on."""
        found = [each for name in names if (each := self.find(name)) is not None]
        return [each["labels"]["topic"] for each in found if each["type"] == "pubsub" and each.get("enabled", True)]

    def list_notification_channels(self, call: Call) -> Answer:
        project = project_of(self._world, call.params.get("name", ""), "monitoring.notificationChannels.list")
        start = f"projects/{project}/notificationChannels/"
        found = [each for name, each in sorted(self._table.items()) if name.startswith(start)]
        if text := call.params.get("filter"):
            found = [each for each in found if takes_named(text, each)]
        return {**page(found, call.params, key="notificationChannels"), "totalSize": len(found)}

    def get_notification_channel(self, call: Call) -> Answer:
        return self._get(call.params["name"])

    def create_notification_channel(self, call: Call) -> Answer:
        project = project_of(self._world, call.params.get("name", ""), "monitoring.notificationChannels.create")
        body = call.params.get("notificationChannel", {})
        self._check(body)
        name = f"projects/{project}/notificationChannels/{self._world.unique_id()}"
        now = {"mutateTime": self._world.simulation.timestamp()}
        channel = {
            "enabled": True,
            **{
                field: each
                for field, each in body.items()
                if field not in ("name", "creationRecord", "mutationRecords")
            },
            "name": name,
            "creationRecord": now,
            "mutationRecords": [now],
        }
        self._table[name] = channel
        return channel

    def update_notification_channel(self, call: Call) -> Answer:
        body = call.params.get("notificationChannel", {})
        held = self._get(body.get("name", ""))
        channel = updated(held, body, call.params.get("updateMask"), fixed=_FIXED)
        self._check(channel)
        channel["mutationRecords"] = [*held["mutationRecords"], {"mutateTime": self._world.simulation.timestamp()}]
        self._table[held["name"]] = channel
        return channel

    def delete_notification_channel(self, call: Call) -> Answer:
        name = self._get(call.params["name"])["name"]
        users = [
            policy
            for policy in self._world.table("monitoring.alertPolicies").values()
            if name in map(self._full, policy.get("notificationChannels", []))
        ]
        if users and not call.params.get("force"):
            named = ", ".join(f'"{each["name"]}"' for each in users)
            text = f'Could not delete "{name}" because it is still being referenced by: {named}'
            raise GoogleError("FAILED_PRECONDITION", text)
        for policy in users:
            policy["notificationChannels"] = [
                each for each in policy["notificationChannels"] if self._full(each) != name
            ]
        del self._table[name]
        return {}

    def list_descriptors(self, call: Call) -> Answer:
        project = project_of(self._world, call.params["name"], "monitoring.notificationChannelDescriptors.list")
        return page([_descriptor(project, kind) for kind in sorted(TYPES)], call.params, key="channelDescriptors")

    def get_descriptor(self, call: Call) -> Answer:
        name = call.params["name"]
        project = project_of(self._world, name, "monitoring.notificationChannelDescriptors.get")
        kind = name.rpartition("/")[2]
        if kind not in TYPES:
            raise no_such("Notification channel descriptor", name)
        return _descriptor(project, kind)

    def _get(self, name: str) -> dict[str, Any]:
        project_of(self._world, name, "monitoring.notificationChannels.get")
        found = self.find(name)
        if found is None:
            raise no_such("Notification channel", name)
        return found

    def _full(self, name: str) -> str:
        parts = name.split("/")
        if len(parts) > 1 and parts[1] == self._world.project_number:
            parts[1] = self._world.project
        return "/".join(parts)

    def _check(self, body: dict[str, Any]) -> None:
        kind, labels = body.get("type", ""), body.get("labels", {})
        if kind not in TYPES:
            raise invalid("notification_channel.type", kind, "Unrecognized notification channel type.")
        for name in labels:
            if name not in TYPES[kind][1]:
                raise invalid("notification_channel.labels", name, f'Unrecognized label for channels of type "{kind}".')
        needed = TYPES[kind][1][0]
        if needed not in labels:
            raise invalid("notification_channel.labels", "", f'Missing required label "{needed}".')
        if kind == "pubsub" and not _TOPIC.fullmatch(labels["topic"]):
            why = 'The topic must be of the form "projects/[PROJECT_ID]/topics/[TOPIC]".'
            raise invalid("notification_channel.labels[topic]", labels["topic"], why)


def _descriptor(project: str, kind: str) -> dict[str, Any]:
    display_name, labels = TYPES[kind]
    return {
        "name": f"projects/{project}/notificationChannelDescriptors/{kind}",
        "type": kind,
        "displayName": display_name,
        "labels": [{"key": each} for each in labels],
    }
