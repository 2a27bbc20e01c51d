"""Builds in the table `cloudBuild.builds`: made, changed, told to the topic `cloud-builds`."""

from __future__ import annotations

import copy
import json
import uuid
from typing import Any

from localcloud.cloud_build.names import Place, not_found, resource_name
from localcloud.cloud_build.substitutions import substituted
from localcloud.cloud_build.validation import LOGGING_WITHOUT_BUCKET, check_build, check_expanded, requested
from localcloud.projects import project_numbers
from localcloud.world import World

Build = dict[str, Any]
TOPIC = "cloud-builds"
DEFAULT_TIMEOUT = "3600s"
ACTIVE = ("PENDING", "QUEUED", "WORKING")


class Builds:
    """Key -> build, as `getBuild` answers it."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def table(self) -> dict[str, Build]:
        """`projects/P/locations/L/builds/ID` -> build."""
        return self.world.table("cloudBuild.builds")

    def get(self, place: Place, build_id: str) -> Build:
        """The build; NOT_FOUND where there is none."""
        return self.table[self.key(place, build_id)]

    def key(self, place: Place, build_id: str) -> str:
        """The key of a build that is there."""
        key = place.key("builds", build_id)
        if key not in self.table:
            raise not_found()
        return key

    def within(self, place: Place) -> list[Build]:
        """A place's builds, newest first; `-` is every location."""
        start = f"projects/{place.project}/locations/"
        start += "" if place.location == "-" else f"{place.location}/"
        found = [each for key, each in self.table.items() if key.startswith(start)]
        return sorted(found, key=lambda each: (each["createTime"], each["id"]), reverse=True)

    def default_account(self, place: Place) -> str:
        """Who builds where a build names nobody."""
        return f"{project_numbers(self.world)[place.project]}-compute@developer.gserviceaccount.com"

    def create(self, place: Place, body: Build, **more: Any) -> str:
        """A new build in the queue; gives its key. Raises what Google refuses."""
        build = requested(copy.deepcopy(body))
        check_build(build, default_account=self.default_account(place))
        build_id = str(uuid.UUID(int=self.world.simulation.random.getrandbits(128), version=4))
        values = {**self._built_in(place, build_id, build), **build.get("substitutions", {})}
        build = substituted(build, values)
        check_expanded(build)
        build = {**self._defaults(place, build_id, build), **build, **more}
        key = place.key("builds", build_id)
        self.table[key] = build
        self.tell(key)
        return key

    def tell(self, key: str) -> None:
        """Publish the build as it is now."""
        build = self.table[key]
        project = build["projectId"]
        attributes = {"buildId": build["id"], "status": build["status"]}
        self.world.publish(f"projects/{project}/topics/{TOPIC}", json.dumps(build).encode(), attributes)

    def _built_in(self, place: Place, build_id: str, build: Build) -> dict[str, str]:
        account = build.get("serviceAccount", "").rpartition("/")[2] or self.default_account(place)
        return {
            "PROJECT_ID": place.project,
            "PROJECT_NUMBER": project_numbers(self.world)[place.project],
            "BUILD_ID": build_id,
            "LOCATION": place.location,
            "SERVICE_ACCOUNT": f"projects/{place.project}/serviceAccounts/{account}",
            "SERVICE_ACCOUNT_EMAIL": account,
        }

    def _defaults(self, place: Place, build_id: str, build: Build) -> Build:
        number = project_numbers(self.world)[place.project]
        region = "" if place.location == "global" else f";region={place.location}"
        options = {"logging": "LEGACY", **build.pop("options", {})}
        options.setdefault("pool", {})
        defaults: Build = {
            "name": resource_name(self.world, place, "builds", build_id),
            "id": build_id,
            "projectId": place.project,
            "status": "QUEUED",
            "createTime": self.world.simulation.timestamp(),
            "timeout": DEFAULT_TIMEOUT,
            "queueTtl": "3600s",
            "logUrl": f"https://console.cloud.google.com/cloud-build/builds{region}/{build_id}?project={number}",
            "serviceAccount": f"projects/{place.project}/serviceAccounts/{self.default_account(place)}",
            "options": options,
        }
        if options["logging"] not in LOGGING_WITHOUT_BUCKET:
            defaults["logsBucket"] = f"gs://{number}.cloudbuild-logs.googleusercontent.com"
        if build.get("images"):
            build["artifacts"] = {**build.get("artifacts", {}), "images": build["images"]}
        return defaults
