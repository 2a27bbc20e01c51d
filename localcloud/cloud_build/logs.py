"""What a build printed, where Cloud Build leaves it: the logs bucket, and Cloud Logging.

gcloud reads `https://storage.googleapis.com/BUCKET/log-ID.txt` piece by piece while a build runs, and
`https://logging.googleapis.com/v2/entries:list` for builds with `logging: CLOUD_LOGGING_ONLY`.
"""

from __future__ import annotations

import json
import re
from typing import Any

from aiohttp import web

from localcloud.cloud_build.builds import Build, Builds
from localcloud.cloud_build.validation import LOGGING_WITHOUT_BUCKET
from localcloud.errors import GoogleError

_OBJECT = re.compile(r"/(?P<bucket>[^/]+)/(?:.*/)?log-(?P<id>[0-9a-f-]{36})\.txt")
_RANGE = re.compile(r"bytes=(\d+)-")
_BUILD_ID = re.compile(r'build_id\s*=\s*"([^"]+)"')


class Logs:
    """Two plain HTTP handlers, for hosts that are otherwise not served."""

    def __init__(self, builds: Builds) -> None:
        self._builds = builds

    async def serve_bucket(self, request: web.BaseRequest) -> web.StreamResponse:
        """storage.googleapis.com, as far as it is the log of a build."""
        found = _OBJECT.fullmatch(request.path)
        build = self._find(found["id"]) if found else None
        if found is None or build is None or not lines_of(build) or not _keeps_log(build, found["bucket"]):
            return _storage_error(404, "NoSuchKey", "The specified key does not exist.")
        text = "".join(f"{line}\n" for _, line in lines_of(build)).encode()
        wanted = _RANGE.match(request.headers.get("Range", ""))
        if wanted is None:
            return web.Response(body=text, content_type="text/plain")
        start = int(wanted[1])
        if start >= len(text):
            return _storage_error(416, "InvalidRange", "The requested range cannot be satisfied.")
        headers = {"Content-Range": f"bytes {start}-{len(text) - 1}/{len(text)}"}
        return web.Response(status=206, body=text[start:], content_type="text/plain", headers=headers)

    async def serve_entries(self, request: web.BaseRequest) -> web.StreamResponse:
        """logging.googleapis.com, as far as it lists the entries of builds."""
        if (request.method, request.path) != ("POST", "/v2/entries:list"):
            error = GoogleError("UNIMPLEMENTED", "The local stand-in lists log entries of builds only.")
            return web.json_response(error.json(), status=error.code)
        body = json.loads(await request.read() or b"{}")
        asked = _BUILD_ID.search(body.get("filter", ""))
        build = self._find(asked[1]) if asked else None
        entries = _entries(build) if build is not None else []
        if body.get("orderBy", "timestamp asc").endswith("desc"):
            entries.reverse()
        return web.json_response({"entries": entries} if entries else {})

    def _find(self, build_id: str) -> Build | None:
        ending = f"/builds/{build_id}"
        return next((each for key, each in self._builds.table.items() if key.endswith(ending)), None)


def lines_of(build: Build) -> list[tuple[str, str]]:
    """Timestamp and text of each line; what is there stays as it is while the build goes on."""
    if "startTime" not in build:
        return []
    lines = [(build["startTime"], f'starting build "{build["id"]}"'), (build["startTime"], "BUILD")]
    events: list[tuple[str, int, list[str]]] = []
    for index, step in enumerate(build["steps"]):
        name = f"Step #{index}" + (f' - "{step["id"]}"' if step.get("id") else "")
        timing = step.get("timing", {})
        if "startTime" in timing:
            starting = [f"Starting {name}", f"{name}: Already have image: {step['name']}"]
            events.append((timing["startTime"], 1, starting))
        if "endTime" in timing:
            events.append((timing["endTime"], 0, [f"Finished {name}"]))
    lines += [(at, line) for at, _, many in sorted(events, key=lambda each: each[:2]) for line in many]
    if "finishTime" in build:
        lines.append((build["finishTime"], _ending(build)))
    return lines


def _ending(build: Build) -> str:
    if build["status"] == "SUCCESS":
        return "DONE"
    detail = build.get("failureInfo", {}).get("detail", build.get("statusDetail", build["status"]))
    return f"ERROR: {detail.removeprefix('Build step failure: ')}"


def _keeps_log(build: Build, bucket: str) -> bool:
    """Whether the build's log is in this bucket."""
    if build["options"].get("logging") in LOGGING_WITHOUT_BUCKET:
        return False
    return str(build.get("logsBucket", "")).removeprefix("gs://").split("/")[0] == bucket


def _entries(build: Build) -> list[dict[str, Any]]:
    project = build["projectId"]
    labels = {"build_id": build["id"], "build_trigger_id": build.get("buildTriggerId", ""), "project_id": project}
    return [
        {
            "insertId": f"{build['id']}-{number}",
            "logName": f"projects/{project}/logs/cloudbuild",
            "resource": {"type": "build", "labels": labels},
            "severity": "INFO",
            "timestamp": at,
            "receiveTimestamp": at,
            "textPayload": line,
        }
        for number, (at, line) in enumerate(lines_of(build))
    ]


def _storage_error(status: int, code: str, message: str) -> web.Response:
    text = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return web.Response(status=status, text=text, content_type="application/xml")
