"""Managed instance groups: what they are (reference: compute `instanceGroupManagers`)."""

from __future__ import annotations

import copy
from typing import Any

from localcloud.compute import refusals
from localcloud.compute.fingerprints import fingerprint
from localcloud.compute.members import Members
from localcloud.compute.policies import checked
from localcloud.compute.references import check_name, path_in, self_link
from localcloud.compute.resources import Resource, Resources
from localcloud.compute.updates import Updates, planned, resolved

KEPT = (
    "description", "baseInstanceName", "namedPorts", "targetPools", "autoHealingPolicies", "statefulPolicy",
    "instanceLifecyclePolicy", "updatePolicy", "allInstancesConfig", "standbyPolicy", "targetStoppedSize",
    "targetSuspendedSize", "resourcePolicies", "instanceFlexibilityPolicy", "targetSizePolicy",
)  # fmt: skip
LIFECYCLE = {"forceUpdateOnRepair": "NO", "defaultActionOnFailure": "REPAIR"}
SUMMARY = (
    "abandoning", "creating", "creatingWithoutRetries", "deleting", "none", "recreating", "refreshing", "restarting",
    "resuming", "starting", "stopping", "suspending", "verifying",
)  # fmt: skip


class Groups:
    """Managed instance groups as resources; their members live in `Members`."""

    def __init__(self, resources: Resources, members: Members, updates: Updates) -> None:
        self._resources = resources
        self._members = members
        self._updates = updates

    def make(self, zone: str, body: dict[str, Any]) -> Resource:
        """A group in `projects/P/zones/Z` of an InstanceGroupManager body; its members begin at once."""
        name = check_name(body)
        path = f"{zone}/instanceGroupManagers/{name}"
        if self._resources.find(path) is not None:
            raise refusals.already_exists(path)
        if "targetSize" not in body:
            raise refusals.required("resource.targetSize")
        group: Resource = {key: copy.deepcopy(body[key]) for key in KEPT if body.get(key) not in (None, {})}
        group["targetSize"] = self._size(body["targetSize"], "resource.targetSize")
        group.setdefault("baseInstanceName", name[:58].rstrip("-"))
        group["instanceLifecyclePolicy"] = LIFECYCLE | group.get("instanceLifecyclePolicy", {})
        group["updatePolicy"] = checked(group.get("updatePolicy", {}))
        group["listManagedInstancesResults"] = body.get("listManagedInstancesResults", "PAGELESS")
        group["instanceGroup"] = self_link(f"{zone}/instanceGroups/{name}")
        self._set_versions(group, body, zone.split("/")[1])
        made = self._resources.add(path, group, kind="instanceGroupManager")
        self._resources.add(
            f"{zone}/instanceGroups/{name}",
            {"description": f"This instance group is controlled by Instance Group Manager '{name}'. "
             "To modify instances in this group, use the Instance Group Manager API: "
             "https://cloud.google.com/compute/docs/reference/latest/instanceGroupManagers",
             "namedPorts": group.get("namedPorts", []), "fingerprint": fingerprint([]),
             "network": self_link(f"projects/{zone.split('/')[1]}/global/networks/default")},
            kind="instanceGroup",
        )  # fmt: skip
        self._updates.reconcile(path)
        return made

    def patch(self, path: str, body: dict[str, Any]) -> None:
        """A JSON merge of `body` (nulls remove), under its `fingerprint` if it has one."""
        group = self._resources.get(path)
        given = body.get("fingerprint")
        if given is not None and given != self._fingerprint(group):
            raise refusals.stale("Invalid fingerprint.")
        if "name" in body and body["name"] not in (None, group["name"]):
            raise refusals.invalid("resource.name", body["name"], "Name cannot be changed.")
        fresh = copy.deepcopy(group)
        for key in KEPT:
            if key in body:
                _merge(fresh, key, body[key])
        if body.get("targetSize") is not None:
            fresh["targetSize"] = self._size(body["targetSize"], "resource.targetSize")
        if body.get("versions") or body.get("instanceTemplate"):
            self._set_versions(fresh, body, path.split("/")[1])
        fresh["updatePolicy"] = checked(fresh.get("updatePolicy", {}))
        self._resources.table("instanceGroupManagers")[path] = fresh
        self._updates.reconcile(path)

    def resize(self, path: str, size: int) -> None:
        """A new target size; the members follow."""
        self._resources.get(path)["targetSize"] = self._size(size, "size")
        self._updates.reconcile(path)

    def shown(self, path: str) -> Resource:
        """The group as Google prints it, with status and counts of what its members do."""
        group = copy.deepcopy(self._resources.get(path))
        members = self._members.of(path)
        counts = dict.fromkeys(SUMMARY, 0)
        for member in members.values():
            counts[_camel(member["action"])] += 1
        staying = self._members.staying(path)
        group["currentActions"] = counts
        stable = counts["none"] == len(members) == int(group["targetSize"])
        reached = not self._updates.outdated(path, group)
        group["status"] = {
            "isStable": stable and (reached or group["updatePolicy"]["type"] != "PROACTIVE"),
            "versionTarget": {"isReached": reached and len(staying) >= int(group["targetSize"])},
            "stateful": {"hasStatefulConfig": False, "perInstanceConfigs": {"allEffective": True}},
            "allInstancesConfig": {"effective": True},
        }
        size = int(group["targetSize"])
        for field in ("maxSurge", "maxUnavailable"):
            amount = group["updatePolicy"].get(field) or {"fixed": 1}
            group["updatePolicy"][field] = amount | {"calculated": resolved(amount, size)}
        counts_of = dict(planned(group))
        for version in group["versions"]:
            key = (path_in(version["instanceTemplate"]), version.get("name", ""))
            version["targetSize"] = version.get("targetSize", {}) | {"calculated": counts_of.get(key, 0)}
        group["fingerprint"] = self._fingerprint(self._resources.get(path))
        return group

    def _fingerprint(self, group: Resource) -> str:
        return fingerprint(group)

    def _size(self, given: Any, field: str) -> int:
        size = int(given)
        if size < 0:
            raise refusals.invalid(field, size, "Must be greater than or equal to 0")
        return size

    def _set_versions(self, group: Resource, body: dict[str, Any], project: str) -> None:
        """`versions` and `instanceTemplate` in step: the latter is that of the version without a size."""
        versions = copy.deepcopy(body.get("versions") or [])
        if not versions:
            if not body.get("instanceTemplate"):
                raise refusals.required("instanceTemplate")
            versions = [{"instanceTemplate": body["instanceTemplate"]}]
        for index, version in enumerate(versions):
            if not version.get("instanceTemplate"):
                raise refusals.required(f"resource.versions[{index}].instanceTemplate")
            field = (
                f"resource.versions[{index}].instanceTemplate"
                if body.get("versions")
                else ("resource.instanceTemplate")
            )
            version["instanceTemplate"] = self_link(self.template(version["instanceTemplate"], project, field))
            size = {key: value for key, value in version.get("targetSize", {}).items() if key != "calculated"}
            version.pop("targetSize", None)
            if size:
                version["targetSize"] = size
        whole = [each for each in versions if "targetSize" not in each]
        if len(whole) != 1 and len(versions) > 1:
            raise refusals.invalid("resource.versions", "", "Exactly one version must leave its target size unset.")
        main = self_link(path_in((whole or versions)[0]["instanceTemplate"]))
        if body.get("versions") and body.get("instanceTemplate"):
            given = self_link(self.template(body["instanceTemplate"], project, "resource.instanceTemplate"))
            if given != main:
                why = "The instance template must be the one of the version without a target size."
                raise refusals.invalid("resource.instanceTemplate", body["instanceTemplate"], why)
        group |= {"versions": versions, "instanceTemplate": main}

    def template(self, reference: str, project: str, field: str) -> str:
        """The path of an existing template."""
        path = self._resources.path(reference, project=project, collection="instanceTemplates", field=field)
        self._resources.get(path)
        return path


def _merge(target: dict[str, Any], key: str, value: Any) -> None:
    """JSON merge patch (RFC 7396) of one member."""
    if value is None:
        target.pop(key, None)
    elif isinstance(value, dict):
        inner = target.get(key)
        merged = dict(inner) if isinstance(inner, dict) else {}
        for name, each in value.items():
            _merge(merged, name, each)
        target[key] = merged
    else:
        target[key] = copy.deepcopy(value)


def _camel(action: str) -> str:
    first, *rest = action.lower().split("_")
    return first + "".join(each.capitalize() for each in rest)
