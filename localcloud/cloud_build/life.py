"""The life of a build: QUEUED, WORKING, its steps in the order of `waitFor`, and how it ends."""

from __future__ import annotations

from typing import Any

from localcloud.cloud_build.boot_images import Compute, image_body
from localcloud.cloud_build.builds import ACTIVE, Build, Builds
from localcloud.cloud_build.failing import failure_of
from localcloud.cloud_build.timings import makes_image, step_seconds, timings
from localcloud.cloud_build.validation import seconds
from localcloud.errors import GoogleError
from localcloud.world import World

ENDED = ("SUCCESS", "FAILURE", "TIMEOUT", "CANCELLED", "INTERNAL_ERROR")


class Life:
    """What becomes of builds as time passes. Everything due later is (event, build key, ...)."""

    def __init__(self, world: World, builds: Builds, compute: Compute) -> None:
        self._world = world
        self._builds = builds
        self._compute = compute
        simulation = world.simulation
        simulation.on("cloudBuild.start", self._start)
        simulation.on("cloudBuild.expire", self._expire)
        simulation.on("cloudBuild.stepEnded", self._step_ended)
        simulation.on("cloudBuild.timeout", self._time_out)
        simulation.on("cloudBuild.finish", self._succeed)

    def queue(self, key: str) -> None:
        """A fresh build waits for its machine."""
        build = self._builds.table[key]
        self._world.simulation.after(timings(self._world).queue, "cloudBuild.start", key)
        self._world.simulation.after(seconds(build["queueTtl"]), "cloudBuild.expire", key)

    def cancel(self, key: str) -> Build:
        """Stop a build that is not over yet."""
        build = self._builds.table[key]
        if build["status"] not in ACTIVE:
            raise GoogleError("FAILED_PRECONDITION", "cannot cancel a build that has already finished")
        self._end(key, "CANCELLED", detail="Build cancelled")
        return build

    def _start(self, key: str) -> None:
        build = self._builds.table.get(key)
        if build is None or build["status"] != "QUEUED":
            return
        build |= {"status": "WORKING", "startTime": self._world.simulation.timestamp()}
        self._world.simulation.after(seconds(build["timeout"]), "cloudBuild.timeout", key)
        self._start_ready_steps(key)
        self._builds.tell(key)

    def _start_ready_steps(self, key: str) -> None:
        build = self._builds.table[key]
        for index, step in enumerate(build["steps"]):
            if "status" in step or not _ready(build["steps"], index):
                continue
            step |= {"status": "WORKING", "timing": {"startTime": self._world.simulation.timestamp()}}
            length = step_seconds(self._world, build, index)
            limit = seconds(step.get("timeout")) or length
            self._world.simulation.after(min(length, limit), "cloudBuild.stepEnded", key, index, length > limit)

    def _step_ended(self, key: str, index: int, timed_out: bool) -> None:
        build = self._builds.table.get(key)
        if build is None or build["status"] != "WORKING":
            return
        step = build["steps"][index]
        failure = {"status": "TIMEOUT"} if timed_out else failure_of(self._world, build, index)
        if failure is None and makes_image(build, index):
            failure = self._leave_image(build)
        step["timing"]["endTime"] = self._world.simulation.timestamp()
        step["status"] = "SUCCESS" if failure is None else failure.get("status", "FAILURE")
        if failure is not None:
            step["exitCode"] = failure.get("exitCode", 1)
            if not step.get("allowFailure"):
                self._fail(key, index, failure)
                return
        self._start_ready_steps(key)
        if all(each.get("status") in ENDED for each in build["steps"]):
            self._world.simulation.after(timings(self._world).finish, "cloudBuild.finish", key)

    def _leave_image(self, build: Build) -> dict[str, Any] | None:
        """Make the image, as packer does; what Compute refuses fails the step."""
        try:
            self._compute.insert_image(image_body(self._world, build), project=build["projectId"])
        except GoogleError as refused:
            return {"status": "FAILURE", "exitCode": 1, "message": refused.message}
        return None

    def _fail(self, key: str, index: int, failure: dict[str, Any]) -> None:
        status = failure.get("status", "FAILURE")
        step = self._builds.table[key]["steps"][index]
        if status == "TIMEOUT":
            self._time_out(key)
            return
        name = step.get("id") or step["name"]
        reason = f"step exited with non-zero status: {failure.get('exitCode', 1)}"
        if "message" in failure:
            reason += f" ({failure['message']})"
        self._end(
            key,
            status,
            detail="Build step failure" if status == "FAILURE" else "Internal error",
            failure={
                "type": "USER_BUILD_STEP" if status == "FAILURE" else "FETCH_SOURCE_FAILED",
                "detail": f'Build step failure: build step {index} "{name}" failed: {reason}',
            },
        )

    def _succeed(self, key: str) -> None:
        build = self._builds.table.get(key)
        if build is None or build["status"] != "WORKING":
            return
        steps = build["steps"]
        dice = self._world.simulation.random
        build["results"] = {
            "buildStepImages": [f"sha256:{dice.getrandbits(256):064x}" for _ in steps],
            "buildStepOutputs": ["" for _ in steps],
        }
        if images := build.get("images"):
            pushed = [{"name": each, "digest": f"sha256:{dice.getrandbits(256):064x}"} for each in images]
            build["results"]["images"] = pushed
        self._end(key, "SUCCESS")

    def _time_out(self, key: str) -> None:
        build = self._builds.table.get(key)
        if build is not None and build["status"] == "WORKING":
            self._end(key, "TIMEOUT", detail="Build timed out", failure={"detail": "Build timed out"})

    def _expire(self, key: str) -> None:
        build = self._builds.table.get(key)
        if build is not None and build["status"] == "QUEUED":
            self._end(key, "EXPIRED", detail="Build enqueued for longer than queueTtl")

    def _end(self, key: str, status: str, *, detail: str = "", failure: dict[str, Any] | None = None) -> None:
        build = self._builds.table[key]
        now = self._world.simulation.timestamp()
        for step in build["steps"]:
            if step.get("status") == "WORKING":
                step["status"] = "CANCELLED" if status in ("FAILURE", "INTERNAL_ERROR") else status
                step["timing"]["endTime"] = now
        build |= {"status": status, "finishTime": now}
        if "startTime" in build:
            build["timing"] = {"BUILD": {"startTime": build["startTime"], "endTime": now}}
        if detail:
            build["statusDetail"] = detail
        if failure is not None:
            build["failureInfo"] = failure
        self._builds.tell(key)


def _ready(steps: list[dict[str, Any]], index: int) -> bool:
    """Whether what a step waits for is over: the named steps, or without `waitFor` all before it."""
    wanted = steps[index].get("waitFor")
    before = steps[:index] if not wanted else [each for each in steps[:index] if each.get("id") in wanted]
    return all(each.get("status") in ENDED for each in before)
