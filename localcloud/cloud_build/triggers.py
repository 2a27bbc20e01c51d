"""Build triggers, as far as running one by hand needs them.

https://cloud.google.com/build/docs/api/reference/rest/v1/projects.locations.triggers
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from localcloud.cloud_build.listing import page
from localcloud.cloud_build.names import Place, named, not_found, place_of, resource_name
from localcloud.dispatch import Answer, Call
from localcloud.errors import GoogleError
from localcloud.world import Table, World

_NAME = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,62}[a-zA-Z0-9])?")
_READ = "cloudbuild.builds.get"
_WRITE = "cloudbuild.builds.update"


class Triggers:
    """Triggers in the table `cloudBuild.triggers`."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _table(self) -> Table:
        return self._world.table("cloudBuild.triggers")

    def create(self, call: Call) -> Answer:
        place = place_of(self._world, call.params, permission=_WRITE)
        body = call.params.get("trigger", {})
        name = body.get("name") or f"trigger-{self._world.number('cloudBuild.trigger')}"
        if not _NAME.fullmatch(name):
            raise GoogleError("INVALID_ARGUMENT", f'invalid trigger name "{name}": must match {_NAME.pattern}')
        if not any(field in body for field in ("build", "filename", "autodetect", "gitFileSource")):
            raise GoogleError(
                "INVALID_ARGUMENT", "trigger must specify a build config: one of build, filename, autodetect"
            )
        if any(each["name"] == name for each in self._within(place)):
            raise GoogleError("ALREADY_EXISTS", f'trigger "{name}" already exists')
        trigger_id = str(uuid.UUID(int=self._world.simulation.random.getrandbits(128), version=4))
        trigger = {
            **body,
            "name": name,
            "id": trigger_id,
            "createTime": self._world.simulation.timestamp(),
            "resourceName": resource_name(self._world, place, "triggers", trigger_id),
        }
        self._table[place.key("triggers", trigger_id)] = trigger
        return trigger

    def get(self, call: Call) -> Answer:
        return self.find(call)[1]

    def list_triggers(self, call: Call) -> Answer:
        place = place_of(self._world, call.params, permission="cloudbuild.builds.list")
        return page(self._within(place), call.params, key="triggers")

    def update(self, call: Call) -> Answer:
        body = call.params.get("trigger", {})
        params = {**call.params}
        if body.get("resourceName") and not params.get("triggerId"):
            params["name"] = body["resourceName"]
        place, trigger = self._find(params, _WRITE)
        kept = {name: trigger[name] for name in ("id", "createTime", "resourceName")}
        trigger_id = trigger["id"]
        self._table[place.key("triggers", trigger_id)] = {"name": trigger["name"], **body, **kept}
        return dict(self._table[place.key("triggers", trigger_id)])

    def delete(self, call: Call) -> Answer:
        place, trigger = self.find(call, permission=_WRITE)
        del self._table[place.key("triggers", trigger["id"])]
        return {}

    def find(self, call: Call, *, permission: str = _READ) -> tuple[Place, dict[str, Any]]:
        """The trigger a call means, by its id or its name."""
        return self._find(call.params, permission)

    def _find(self, params: dict[str, Any], permission: str) -> tuple[Place, dict[str, Any]]:
        place, wanted = named(self._world, params, id_field="triggerId", permission=permission)
        for trigger in self._within(place):
            if wanted in (trigger["id"], trigger["name"]):
                return place, trigger
        raise not_found()

    def _within(self, place: Place) -> list[dict[str, Any]]:
        start = place.key("triggers", "")
        return [each for key, each in self._table.items() if key.startswith(start)]


def build_of(trigger: dict[str, Any], source: dict[str, Any]) -> dict[str, Any]:
    """The build a run of a trigger asks for."""
    if "build" not in trigger:
        raise GoogleError(
            "FAILED_PRECONDITION",
            "Couldn't read commit: the local stand-in has no repositories; give the trigger a build of its own",
        )
    build: dict[str, Any] = dict(trigger["build"])
    values = {
        **build.get("substitutions", {}),
        **trigger.get("substitutions", {}),
        **source.get("substitutions", {}),
    }
    built_in = {"BRANCH_NAME": "branchName", "TAG_NAME": "tagName", "COMMIT_SHA": "commitSha", "REPO_NAME": "repoName"}
    values |= {key: source[field] for key, field in built_in.items() if field in source}
    values["TRIGGER_NAME"] = trigger["name"]
    if "COMMIT_SHA" in values:
        values |= {"REVISION_ID": values["COMMIT_SHA"], "SHORT_SHA": values["COMMIT_SHA"][:7]}
    build["substitutions"] = values
    build["tags"] = [*build.get("tags", []), *trigger.get("tags", []), f"trigger-{trigger['id']}"]
    if "serviceAccount" in trigger:
        build.setdefault("serviceAccount", trigger["serviceAccount"])
    return build
