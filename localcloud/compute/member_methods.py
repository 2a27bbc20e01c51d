"""The methods of instanceGroupManagers about members: create, delete, recreate, abandon, update, list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.compute import refusals
from localcloud.compute.disruption import LEVELS, action, worse
from localcloud.compute.lists import page
from localcloud.compute.managers import Managers
from localcloud.compute.members import Members, instance_path, member_name
from localcloud.compute.operations import Operations
from localcloud.compute.policies import check_word
from localcloud.compute.references import NAME
from localcloud.compute.resources import Resource, Resources
from localcloud.compute.updates import Updates
from localcloud.dispatch import Answer, Call, Handler

MOST_INSTANCES = 1000
NOT_WHILE_ROLLING = (
    "CreateInstances cannot be used when UpdatePolicy type is set to PROACTIVE and replacementMethod to SUBSTITUTE. "
    "Set replacementMethod to RECREATE or disable rolling update by setting type to OPPORTUNISTIC."
)


class MemberMethods:
    """What a caller may do to a group's members."""

    def __init__(
        self,
        resources: Resources,
        operations: Operations,
        managers: Managers,
        members: Members,
        updates: Updates,
    ) -> None:
        self._resources = resources
        self._operations = operations
        self._managers = managers
        self._members = members
        self._updates = updates

    def handlers(self) -> Mapping[str, Handler]:
        """The methods."""
        name = "instance_group_managers"
        return {
            f"{name}.CreateInstances": self.create,
            f"{name}.DeleteInstances": self.delete,
            f"{name}.RecreateInstances": self.recreate,
            f"{name}.AbandonInstances": self.abandon,
            f"{name}.ApplyUpdatesToInstances": self.apply_updates,
            f"{name}.ListManagedInstances": self.list_managed,
            f"{name}.ListErrors": self.list_errors,
            f"{name}.ListPerInstanceConfigs": self.list_configs,
        }

    def create(self, call: Call) -> Answer:
        """Members with names of the caller's: each is tried once."""
        path = self._managers.path(call)
        group = self._resources.get(path)
        body = call.params.get("instanceGroupManagersCreateInstancesRequestResource", {})
        asked = [each.get("name", "") for each in body.get("instances", [])]
        if not asked:
            raise refusals.required("resource.instances")
        for index, name in enumerate(asked):
            if not NAME.fullmatch(name):
                why = f"Must be a match of regex '{NAME.pattern}'"
                raise refusals.invalid(f"resource.instances[{index}].name", name, why)
            if name in self._members.of(path) or self._resources.find(instance_path(path, name)):
                raise refusals.already_exists(instance_path(path, name))
        policy = group["updatePolicy"]
        if policy["type"] == "PROACTIVE" and policy["replacementMethod"] == "SUBSTITUTE":
            kind = "compute.instanceGroupManagers.createInstances"
            return self._operations.begin_refused(kind, path, refusals.stale(NOT_WHILE_ROLLING))
        for name in asked:
            template, version = self._updates.next_version(path, group)
            group["targetSize"] = int(group["targetSize"]) + 1
            self._members.create(path, name, template=template, version=version, retries=False)
        return self._begin("createInstances", path)

    def delete(self, call: Call) -> Answer:
        """Members go, and the target size with them."""
        path = self._managers.path(call)
        body = call.params.get("instanceGroupManagersDeleteInstancesRequestResource", {})
        names = self._chosen(path, body, skip=bool(body.get("skipInstancesOnValidationError")))
        self._lower(path, len(names))
        for name in names:
            self._members.delete(path, name)
        return self._begin("deleteInstances", path)

    def abandon(self, call: Call) -> Answer:
        """Members leave the group, their VMs stay."""
        path = self._managers.path(call)
        names = self._chosen(path, call.params.get("instanceGroupManagersAbandonInstancesRequestResource", {}))
        self._lower(path, len(names))
        for name in names:
            self._members.abandon(path, name)
        return self._begin("abandonInstances", path)

    def recreate(self, call: Call) -> Answer:
        """Members are deleted and made again, from the group's current template."""
        path = self._managers.path(call)
        group = self._resources.get(path)
        for name in self._chosen(path, call.params.get("instanceGroupManagersRecreateInstancesRequestResource", {})):
            template, version = self._target(path, group, name)
            self._members.recreate(path, name, template=template, version=version)
        return self._begin("recreateInstances", path)

    def apply_updates(self, call: Call) -> Answer:
        """The group's version for chosen members, as disruptively as needed and allowed."""
        path = self._managers.path(call)
        body = call.params.get("instanceGroupManagersApplyUpdatesRequestResource", {})
        least = body.get("minimalAction", "NONE")
        most = body.get("mostDisruptiveAllowedAction", "REPLACE")
        check_word("resource.minimalAction", least, LEVELS)
        check_word("resource.mostDisruptiveAllowedAction", most, LEVELS)
        if worse(least, most):
            why = "Minimal action must not be more disruptive than the most disruptive allowed action."
            raise refusals.invalid("resource.minimalAction", least, why)
        group = self._resources.get(path)
        names = list(self._members.staying(path)) if body.get("allInstances") else self._chosen(path, body)
        for name in names:
            self._update(path, group, name, least=least, most=most)
        return self._begin("applyUpdatesToInstances", path)

    def list_managed(self, call: Call) -> Answer:
        """All members; in one page unless the group or the call asks for pages."""
        path = self._managers.path(call)
        shown = [self._members.shown(path, name) for name in sorted(self._members.of(path))]
        if self._resources.get(path).get("listManagedInstancesResults") == "PAGELESS":
            for parameter in ("maxResults", "pageToken"):
                call.params.pop(parameter, None)
        return page(call, shown)

    def list_errors(self, call: Call) -> Answer:
        """Errors of the members' attempts, the newest last."""
        path = self._managers.path(call)
        for parameter in ("filter", "orderBy"):
            call.params.pop(parameter, None)
        found = self._resources.table("groupErrors").get(path, [])
        return page(
            call, sorted(found, key=lambda each: (each["timestamp"], each["instanceActionDetails"]["instance"]))
        )

    def list_configs(self, call: Call) -> Answer:
        """No group of the stand-in has configurations of single instances."""
        self._managers.path(call)
        return page(call, [])

    def _begin(self, kind: str, path: str) -> Resource:
        return self._operations.begin(f"compute.instanceGroupManagers.{kind}", path, done=True)

    def _chosen(self, path: str, body: dict[str, Any], *, skip: bool = False) -> list[str]:
        asked: list[str] = body.get("instances", [])
        if not asked:
            raise refusals.required("resource.instances")
        if len(asked) > MOST_INSTANCES:
            why = f"At most {MOST_INSTANCES} instances can be named in a call."
            raise refusals.invalid("resource.instances", len(asked), why)
        names = []
        for reference in dict.fromkeys(asked):
            name = member_name(path, reference)
            if name in self._members.staying(path):
                names.append(name)
            elif not skip:
                where = instance_path(path, name)
                why = f"Instance '{where}' is not a member of instance group manager '{path}'."
                raise refusals.invalid("resource.instances", reference, why)
        return names

    def _lower(self, path: str, count: int) -> None:
        group = self._resources.get(path)
        group["targetSize"] = max(0, int(group["targetSize"]) - count)

    def _target(self, path: str, group: Resource, name: str) -> tuple[str, str]:
        member = self._members.of(path)[name]
        if name in self._updates.outdated(path, group):
            return self._updates.next_version(path, group)
        return member["template"], member["version"]

    def _update(self, path: str, group: Resource, name: str, *, least: str, most: str) -> None:
        template, version = self._target(path, group, name)
        required = self._updates.required(path, name, template)
        chosen = action(required, least=least, most=most)
        if chosen == "REPLACE":
            self._members.recreate(path, name, template=template, version=version)
        elif chosen in ("REFRESH", "RESTART"):
            self._members.renew(path, name, chosen, template=template, version=version)
