"""What Cloud Build refuses before a build exists, in its words.

Limits: https://cloud.google.com/build/docs/build-config-file-schema
"""

from __future__ import annotations

import re
from typing import Any

from localcloud.cloud_build.substitutions import check_keys, check_template
from localcloud.errors import GoogleError

MAX_TIMEOUT = 24 * 3600.0
_TAG = re.compile(r"[\w][\w.-]{0,127}", re.ASCII)
_OUTPUT_ONLY = (
    "name", "id", "projectId", "status", "statusDetail", "results", "createTime", "startTime", "finishTime",
    "sourceProvenance", "buildTriggerId", "logUrl", "timing", "approval", "warnings", "failureInfo",
)  # fmt: skip
LOGGING_WITHOUT_BUCKET = ("CLOUD_LOGGING_ONLY", "STACKDRIVER_ONLY", "NONE")


def invalid(text: str) -> GoogleError:
    """A build that cannot be."""
    return GoogleError("INVALID_ARGUMENT", f"invalid build: {text}")


def seconds(duration: str | None) -> float:
    """A duration of proto JSON (`600s`) in seconds; 0 where there is none."""
    return float(duration.removesuffix("s")) if duration else 0.0


def requested(build: dict[str, Any]) -> dict[str, Any]:
    """What of a build a request may say: output-only fields are ignored, as Google ignores them."""
    wanted = {name: each for name, each in build.items() if name not in _OUTPUT_ONLY}
    wanted["steps"] = [
        {name: each for name, each in step.items() if name not in ("timing", "pullTiming", "status", "exitCode")}
        for step in build.get("steps", [])
    ]
    return wanted


def check_build(build: dict[str, Any], *, default_account: str) -> None:
    """Refuse a build that Cloud Build would refuse."""
    timeout = seconds(build.get("timeout"))
    if timeout > MAX_TIMEOUT:
        raise invalid("invalid timeout: timeout exceeds the timeout limit of 24h0m0s")
    if timeout < 0:
        raise invalid("invalid timeout: timeout must be >=0")
    check_keys(build.get("substitutions", {}))
    _check_artifacts(build)
    _check_steps(build["steps"], timeout or MAX_TIMEOUT)
    check_template(build)
    _check_logging(build, default_account)


def check_expanded(build: dict[str, Any]) -> None:
    """What can be judged only after substitution."""
    for index, step in enumerate(build["steps"]):
        if not step["name"].strip() or step["name"] != step["name"].strip():
            raise invalid(f'invalid .steps field: build step {index} has invalid name "{step["name"]}"')
    tags = build.get("tags", [])
    if len(tags) > 64:
        raise invalid(f"number of tags {len(tags)} exceeded (max: 64)")
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise invalid(f'invalid build tag "{tag}": must match format "^(?:[\\w][\\w.-]{{0,127}})$"')


def _check_artifacts(build: dict[str, Any]) -> None:
    artifacts = build.get("artifacts", {})
    if build.get("images") and artifacts.get("images") and build["images"] != artifacts["images"]:
        raise invalid("invalid .artifacts field: cannot specify different .images and .artifacts.images")
    if len(build.get("images", [])) > 100:
        raise invalid("invalid .artifacts field: cannot specify more than 100 images to build")
    location = artifacts.get("objects", {}).get("location")
    if location is not None and not location.startswith("gs://"):
        raise invalid(
            f'invalid .artifacts field: invalid .artifacts.location value "{location}"; '
            "Google Cloud Storage URLs must begin with 'gs://'"
        )


def _check_steps(steps: list[dict[str, Any]], timeout: float) -> None:
    if not steps:
        raise _step("no build steps are specified")
    if len(steps) > 300:
        raise _step("cannot specify more than 300 build steps")
    known = {"-"}
    for index, step in enumerate(steps):
        _check_step(step, index, known, timeout)


def _check_step(step: dict[str, Any], index: int, known: set[str], timeout: float) -> None:
    if not step.get("name"):
        raise _step(f"build step {index} must specify name")
    if len(step.get("args", [])) > 100:
        raise _step(f"build step {index} too many args (max: 100)")
    for position, each in enumerate(step.get("args", [])):
        if len(each) > 10000:
            raise _step(f"build step {index} arg {position} too long (max: 10000)")
    if step.get("script") and (step.get("args") or step.get("entrypoint")):
        raise _step(f"build step {index} cannot specify script with args or entrypoint")
    shown = f'#{index} - "{step["id"]}"' if step.get("id") else f"#{index}"
    for dependency in step.get("waitFor", []):
        if dependency not in known:
            raise _step(f'build step {shown} depends on "{dependency}", which has not been defined')
    if step.get("id"):
        if step["id"] in known:
            raise _step(f"build step {shown}: the ID is not unique")
        known.add(step["id"])
    for each in step.get("env", []):
        if "=" not in each:
            name = step.get("id", "")
            raise _step(f'build step #{index} - "{name}": the Env entry "{each}" must be of the form "KEY=VALUE"')
    if seconds(step.get("timeout")) > timeout:
        shown_timeout = f"build step timeout {step['timeout']} must be <= build timeout {timeout:g}s"
        raise _step(f"invalid .timeout in build step #{index}: {shown_timeout}")


def _step(text: str) -> GoogleError:
    return invalid(f"invalid .steps field: {text}")


def _check_logging(build: dict[str, Any], default_account: str) -> None:
    """A service account of one's own cannot write to the default bucket."""
    options = build.get("options", {})
    bucket = build.get("logsBucket")
    if bucket is not None and not re.fullmatch(r"(gs://)?[a-z0-9$][^\s{}]*", bucket):
        raise GoogleError("INVALID_ARGUMENT", f'invalid logs bucket "{bucket}"')
    if (
        build.get("serviceAccount", "").rpartition("/")[2] in ("", default_account)
        or bucket
        or options.get("defaultLogsBucketBehavior") == "REGIONAL_USER_OWNED_BUCKET"
        or options.get("logging") in LOGGING_WITHOUT_BUCKET
    ):
        return
    raise GoogleError(
        "INVALID_ARGUMENT",
        "generic::invalid_argument: if 'build.service_account' is specified, the build must either "
        "(a) specify 'build.logs_bucket', (b) use the REGIONAL_USER_OWNED_BUCKET "
        "build.options.default_logs_bucket_behavior option, or (c) use either CLOUD_LOGGING_ONLY / NONE "
        "logging options",
    )
