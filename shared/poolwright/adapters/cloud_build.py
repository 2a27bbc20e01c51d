"""Cloud Build, through google-cloud-build (https://cloud.google.com/build/docs/api/reference/rest)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_errors import READ_RETRY, TIMEOUT, rejections, translated
from poolwright.adapters.google_imports import without_async_rest
from poolwright.services.ports import Build, Json, Rejected

HOST = "cloudbuild.googleapis.com"
_PAGE = 100


class CloudBuildApi:
    """The `CloudBuild` port."""

    def __init__(self, access: GoogleAccess) -> None:
        self._access = access

    @cached_property
    def _client(self) -> Any:
        with without_async_rest():
            from google.cloud.devtools.cloudbuild_v1.services.cloud_build import CloudBuildClient

        return self._access.rest(CloudBuildClient, HOST)

    @translated()
    def build(self, project: str, location: str, build_id: str) -> Build:
        # `name` alone: with project_id and id the client takes the older URL, which finds global builds only.
        request = {"name": f"projects/{project}/locations/{location}/builds/{build_id}"}
        return _build(self._client.get_build(request=request, retry=READ_RETRY, timeout=TIMEOUT))

    @translated()
    def builds(self, project: str, location: str, *, tags: Sequence[str], since: float) -> list[Build]:
        made_after = datetime.fromtimestamp(since, UTC).isoformat()
        request = {
            "parent": f"projects/{project}/locations/{location}",
            "filter": " AND ".join([*(f'tags = "{tag}"' for tag in tags), f'create_time > "{made_after}"']),
            "page_size": _PAGE,
        }
        return [_build(found) for found in self._client.list_builds(request=request, retry=READ_RETRY, timeout=TIMEOUT)]

    @translated()
    @rejections()
    def create(self, project: str, location: str, body: Json) -> Build:
        client = self._client  # first: it knows how the package is imported cheaply
        from google.cloud.devtools.cloudbuild_v1.types import Build as Message

        # `parent` alone, as with `name` above: project_id would make it a global build.
        request = {"parent": f"projects/{project}/locations/{location}", "build": Message.from_json(json.dumps(body))}
        begun = client.create_build(request=request, retry=None, timeout=TIMEOUT)
        return _build(begun.metadata.build)

    @translated()
    def cancel(self, project: str, location: str, build_id: str) -> None:
        request = {"name": f"projects/{project}/locations/{location}/builds/{build_id}"}
        try:
            with rejections():
                self._client.cancel_build(request=request, retry=None, timeout=TIMEOUT)
        except Rejected as over:
            if over.status != "FAILED_PRECONDITION":
                raise


def _build(found: Any) -> Build:
    return Build(
        id=found.id,
        project=found.project_id,
        status=found.status.name,
        tags=tuple(found.tags),
        substitutions=dict(found.substitutions),
        service_account=found.service_account,
        created=found.create_time.timestamp() if found.create_time else 0,
        log_url=found.log_url,
        failure=found.failure_info.detail or found.status_detail,
    )
