"""The API's methods, put together."""

from __future__ import annotations

from localcloud import schema
from localcloud.cloud_build import operations
from localcloud.cloud_build.boot_images import Compute
from localcloud.cloud_build.builds import Builds
from localcloud.cloud_build.life import Life
from localcloud.cloud_build.listing import filtered, page
from localcloud.cloud_build.logs import Logs
from localcloud.cloud_build.names import Place, named, place_of
from localcloud.cloud_build.operations import Operations, operation_of
from localcloud.cloud_build.triggers import Triggers, build_of
from localcloud.dispatch import Answer, Api, Call
from localcloud.errors import GoogleError
from localcloud.projects import project_id, project_numbers
from localcloud.world import World

HOST = "cloudbuild.googleapis.com"
SERVICE = "google.devtools.cloudbuild.v1.CloudBuild"


class CloudBuild:
    """Cloud Build. Tables: `cloudBuild.builds`, `.triggers`, `.timings` and `.failing`, which say how builds go.

    `logs` serves what builds print: `logs.serve_bucket` for storage.googleapis.com and `logs.serve_entries` for
    logging.googleapis.com.
    """

    def __init__(self, world: World, compute: Compute) -> None:
        self._world = world
        self._builds = Builds(world)
        self._life = Life(world, self._builds, compute)
        self._triggers = Triggers(world)
        self.logs = Logs(self._builds)

    def api(self) -> Api:
        """REST and gRPC."""
        handlers = {
            "CreateBuild": self.create_build,
            "GetBuild": self.get_build,
            "ListBuilds": self.list_builds,
            "CancelBuild": self.cancel_build,
            "RetryBuild": self.retry_build,
            "GetDefaultServiceAccount": self.get_default_service_account,
            "CreateBuildTrigger": self._triggers.create,
            "GetBuildTrigger": self._triggers.get,
            "ListBuildTriggers": self._triggers.list_triggers,
            "UpdateBuildTrigger": self._triggers.update,
            "DeleteBuildTrigger": self._triggers.delete,
            "RunBuildTrigger": self.run_build_trigger,
        }
        methods = schema.methods_of("google.cloud.devtools.cloudbuild_v1", "cloud_build", "CloudBuild")
        about_operations = Operations(self._builds, self._life)
        return Api(
            world=self._world,
            host=HOST,
            methods=[*methods, *operations.methods()],
            handlers={f"{SERVICE}.{name}": each for name, each in handlers.items()} | about_operations.handlers(),
        )

    def create_build(self, call: Call) -> Answer:
        place = place_of(self._world, call.params, permission="cloudbuild.builds.create")
        if "build" not in call.params:
            raise GoogleError("INVALID_ARGUMENT", "invalid build: no build field was provided")
        return self._submit(place, call.params["build"])

    def get_build(self, call: Call) -> Answer:
        place, build_id = named(self._world, call.params, permission="cloudbuild.builds.get")
        return self._builds.get(place, build_id)

    def list_builds(self, call: Call) -> Answer:
        place = place_of(self._world, call.params, permission="cloudbuild.builds.list")
        found = filtered(self._builds.within(place), call.params.get("filter", ""))
        return page(found, call.params, key="builds")

    def cancel_build(self, call: Call) -> Answer:
        place, build_id = named(self._world, call.params, permission="cloudbuild.builds.update")
        return self._life.cancel(self._builds.key(place, build_id))

    def retry_build(self, call: Call) -> Answer:
        """The same build once more, under a new id; one that is still at work is refused."""
        place, build_id = named(self._world, call.params, permission="cloudbuild.builds.update")
        build = self._builds.get(place, build_id)
        if "finishTime" not in build:
            raise GoogleError("FAILED_PRECONDITION", "cannot retry a build that has not finished")
        again = dict(build)
        if again["serviceAccount"].endswith(self._builds.default_account(place)):
            del again["serviceAccount"]
        options = dict(again["options"])
        again["options"] = {**options, "substitutionOption": "ALLOW_LOOSE"}
        if "logsBucket" in again and "cloudbuild-logs.googleusercontent.com" in again["logsBucket"]:
            del again["logsBucket"]
        return self._submit(place, again)

    def run_build_trigger(self, call: Call) -> Answer:
        place, trigger = self._triggers.find(call, permission="cloudbuild.builds.create")
        if trigger.get("disabled"):
            raise GoogleError("FAILED_PRECONDITION", f'trigger "{trigger["name"]}" is disabled')
        return self._submit(place, build_of(trigger, call.params.get("source", {})), buildTriggerId=trigger["id"])

    def get_default_service_account(self, call: Call) -> Answer:
        project = project_id(self._world, call.params.get("name", "").split("/")[1], permission="cloudbuild.builds.get")
        number = project_numbers(self._world)[project]
        account = self._builds.default_account(Place(project))
        return {
            "name": call.params["name"],
            "serviceAccountEmail": f"projects/{number}/serviceAccounts/{account}",
        }

    def _submit(self, place: Place, build: Answer, **more: str) -> Answer:
        key = self._builds.create(place, build, **more)
        self._life.queue(key)
        return operation_of(self._builds.table[key])
