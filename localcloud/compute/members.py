"""The members of managed instance groups: each is made, repaired, recreated, deleted or abandoned on its own.

Kept in `compute.managedInstances`: group's path -> {instance name -> member}. A member is JSON: `action` and `status`
as ManagedInstance prints them, `template` and `version` it is made with, `retries` whether a failed creation is tried
again, `runs` how long its VM may run, `turn` which outdates what was scheduled earlier, `errors` of the last attempt.
"""

from __future__ import annotations

import copy
from typing import Any

from localcloud.compute import refusals
from localcloud.compute.operations import failure
from localcloud.compute.references import last, path_in, self_link
from localcloud.compute.resources import Resource, Resources
from localcloud.compute.timings import seconds
from localcloud.compute.vms import Vms
from localcloud.errors import GoogleError

Member = dict[str, Any]
LEAVING = ("DELETING", "ABANDONING")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class Members:
    """What lives in the groups."""

    def __init__(self, resources: Resources, vms: Vms) -> None:
        self._resources = resources
        self._vms = vms
        self._world = resources.world
        self._world.simulation.on("compute.member.attempt", self._attempt)
        self._world.simulation.on("compute.member.verified", self._verified)
        self._world.simulation.on("compute.member.gone", self._gone)
        self._world.listen("instance.running", self._running)
        self._world.listen("instance.expired", self._expired)
        self._world.listen("instance.stopped", self._stopped)
        self._world.listen("instance.deleted", self._deleted)

    def of(self, group: str) -> dict[str, Member]:
        """A group's members by name."""
        members: dict[str, Member] = self._resources.table("managedInstances").setdefault(group, {})
        return members

    def staying(self, group: str) -> dict[str, Member]:
        """Members that are not on their way out."""
        return {name: each for name, each in self.of(group).items() if each["action"] not in LEAVING}

    def shown(self, group: str, name: str) -> Resource:
        """A member as ManagedInstance."""
        member = self.of(group)[name]
        path = instance_path(group, name)
        instance = self._resources.find(path)
        version = {"instanceTemplate": self_link(member["template"])}
        version |= {"name": member["version"]} if member["version"] else {}
        shown: Resource = {"name": name, "instance": self_link(path), "currentAction": member["action"]}
        shown["version"] = version
        if instance is not None:
            shown |= {"id": instance["id"], "instanceStatus": instance["status"]}
            if limit := instance.get("resourceStatus"):
                shown["scheduling"] = limit["scheduling"]
        if member["errors"]:
            shown["lastAttempt"] = {"errors": {"errors": member["errors"]}}
        return shown

    def free_name(self, group: str, base: str) -> str:
        """`<base>-<4 characters>`, not taken."""
        while True:
            name = f"{base}-{''.join(self._world.simulation.random.choices(LETTERS, k=4))}"
            if name not in self.of(group) and self._resources.find(instance_path(group, name)) is None:
                return name

    def create(
        self,
        group: str,
        name: str,
        *,
        template: str,
        version: str = "",
        retries: bool = True,
        runs: dict[str, Any] | None = None,
    ) -> None:
        """A new member, in CREATING or CREATING_WITHOUT_RETRIES; `runs`: the duration after which it goes for good."""
        self.of(group)[name] = {
            "action": "CREATING" if retries else "CREATING_WITHOUT_RETRIES",
            "template": template,
            "version": version,
            "retries": retries,
            "runs": runs,
            "turn": 0,
            "errors": [],
        }
        self._try_soon(group, name)

    def delete(self, group: str, name: str) -> None:
        """DELETING, with its VM."""
        self._leave(group, name, "DELETING")
        path = instance_path(group, name)
        if self._resources.find(path) is not None:
            self._vms.delete(path)
        else:
            self._world.simulation.after(1.0, "compute.member.gone", group, name)

    def abandon(self, group: str, name: str) -> None:
        """ABANDONING: the VM lives on without the group."""
        self._leave(group, name, "ABANDONING")
        self._world.simulation.after(1.0, "compute.member.gone", group, name)

    def recreate(self, group: str, name: str, *, template: str, version: str = "") -> None:
        """RECREATING under the same name from `template`."""
        member = self.of(group)[name]
        member |= {"action": "RECREATING", "template": template, "version": version, "retries": True, "errors": []}
        member["turn"] += 1
        path = instance_path(group, name)
        if self._resources.find(path) is not None:
            self._vms.delete(path)
        else:
            self._try_soon(group, name)

    def renew(self, group: str, name: str, action: str, *, template: str, version: str = "") -> None:
        """REFRESH or RESTART: what a template changes without a new VM, in place."""
        member = self.of(group)[name]
        member |= {
            "action": "RESTARTING" if action == "RESTART" else "REFRESHING",
            "template": template,
            "version": version,
            "errors": [],
        }
        member["turn"] += 1
        path = instance_path(group, name)
        instance = self._resources.find(path)
        found = self._resources.find(template)
        if instance is not None and found is not None:
            properties = found["properties"]
            instance["metadata"] = self._with_origin(group, template, properties)["metadata"]
            if "labels" in properties:
                instance["labels"] = copy.deepcopy(properties["labels"])
        if action == "RESTART" and instance is not None:
            self._vms.stop(path)
        else:
            takes = seconds(self._world, "operation")
            self._world.simulation.after(takes, "compute.member.verified", group, name, member["turn"])

    # What time brings

    def _leave(self, group: str, name: str, action: str) -> None:
        member = self.of(group)[name]
        member["action"] = action
        member["turn"] += 1

    def _try_soon(self, group: str, name: str) -> None:
        turn = self.of(group)[name]["turn"]
        self._world.simulation.after(seconds(self._world, "attempt"), "compute.member.attempt", group, name, turn)

    def _attempt(self, group: str, name: str, turn: int) -> None:
        member = self.of(group).get(name)
        if member is None or member["turn"] != turn:
            return
        try:
            template = self._resources.get(member["template"])
            body = self._with_origin(group, member["template"], template["properties"])
            if member["runs"]:
                limit = {"maxRunDuration": member["runs"], "instanceTerminationAction": "DELETE"}
                body["scheduling"] = body.get("scheduling", {}) | limit
            self._vms.make(group.rpartition("/instanceGroupManagers/")[0], body | {"name": name})
        except GoogleError as error:
            self._failed(group, name, member, error)
            return
        member["errors"] = []

    def _failed(self, group: str, name: str, member: Member, error: GoogleError) -> None:
        errors: list[Resource] = failure(error)["error"]["errors"]
        member["errors"] = errors
        log = self._resources.table("groupErrors").setdefault(group, [])
        log.append(
            {
                "error": errors[0],
                "timestamp": self._world.simulation.timestamp(),
                "instanceActionDetails": {
                    "instance": self_link(instance_path(group, name)),
                    "action": member["action"],
                    "version": {"instanceTemplate": self_link(member["template"])},
                },
            }
        )
        del log[:-1000]
        if member["retries"]:
            wait = seconds(self._world, "retry")
            self._world.simulation.after(wait, "compute.member.attempt", group, name, member["turn"])
            return
        del self.of(group)[name]
        manager = self._resources.find(group)
        if manager is not None:
            manager["targetSize"] = max(0, manager["targetSize"] - 1)
        self._world.tell("group.changed", group)

    def _with_origin(self, group: str, template: str, properties: Resource) -> Resource:
        """Properties with the metadata by which a VM knows its group and template."""
        body = copy.deepcopy(properties)
        number = self._number(group)
        _, _, rest = group.partition("/zones/")
        items = [
            *body.get("metadata", {}).get("items", []),
            {"key": "instance-template", "value": template.replace(f"projects/{group.split('/')[1]}/", number)},
            {"key": "created-by", "value": f"{number}zones/{rest}"},
        ]
        taken: dict[str, Resource] = {each["key"]: each for each in items}
        body["metadata"] = {"items": list(taken.values())}
        return body

    def _number(self, group: str) -> str:
        project = group.split("/")[1]
        number = next((number for number, name in self._resources.numbers().items() if name == project), project)
        return f"projects/{number}/"

    def _running(self, instance: Resource) -> None:
        group, name, member = self._member_of(instance)
        if member is None or member["action"] in LEAVING:
            return
        member["action"] = "VERIFYING"
        self._world.simulation.after(2.0, "compute.member.verified", group, name, member["turn"])

    def _verified(self, group: str, name: str, turn: int) -> None:
        member = self.of(group).get(name)
        if member is not None and member["turn"] == turn and member["action"] not in LEAVING:
            member["action"] = "NONE"
            self._world.tell("group.changed", group)

    def _expired(self, instance: Resource) -> None:
        """A member of a resize request goes with its time, and the target size with it."""
        group, name, member = self._member_of(instance)
        if member is not None and member["runs"] and member["action"] not in LEAVING:
            manager = self._resources.get(group)
            manager["targetSize"] = max(0, int(manager["targetSize"]) - 1)
            self._leave(group, name, "DELETING")

    def _stopped(self, instance: Resource) -> None:
        _, _, member = self._member_of(instance)
        if member is None or member["action"] in LEAVING:
            return
        # A group repairs a member that somebody stopped; a restart is the same.
        if member["action"] == "NONE":
            member["action"] = "RECREATING"
        self._vms.start(path_in(instance["selfLink"]))

    def _deleted(self, instance: Resource) -> None:
        group, name, member = self._member_of(instance)
        if member is None:
            return
        if member["action"] in LEAVING:
            self._gone(group, name)
            return
        if member["action"] != "RECREATING":
            self._repair(group, member)
        self._try_soon(group, name)

    def _repair(self, group: str, member: Member) -> None:
        """A repaired member keeps the template it was made with, unless the group says otherwise."""
        member["action"] = "RECREATING"
        member["turn"] += 1
        manager = self._resources.get(group)
        if manager["instanceLifecyclePolicy"]["forceUpdateOnRepair"] == "YES":
            member["template"] = path_in(manager["instanceTemplate"])

    def _gone(self, group: str, name: str) -> None:
        self.of(group).pop(name, None)
        self._world.tell("group.changed", group)

    def _member_of(self, instance: Resource) -> tuple[str, str, Member | None]:
        zone, _, name = path_in(instance["selfLink"]).rpartition("/instances/")
        for group, members in self._resources.table("managedInstances").items():
            if group.startswith(f"{zone}/") and name in members:
                return group, name, members[name]
        return "", name, None


def instance_path(group: str, name: str) -> str:
    """The path of a member's VM."""
    return f"{group.rpartition('/instanceGroupManagers/')[0]}/instances/{name}"


def member_name(group: str, reference: str) -> str:
    """The member that a reference (`zones/Z/instances/N`, a link) names; 400 for another zone's or no instance."""
    parts = reference.split("/")
    if len(parts) < 4 or parts[-2] != "instances" or parts[-4] != "zones":
        raise refusals.invalid("resource.instances[0]", reference, "The URL is malformed.")
    if parts[-3] != group.split("/")[3]:
        raise refusals.invalid("resource.instances[0]", reference, f"Instance must be in zone {group.split('/')[3]}.")
    return last(reference)
