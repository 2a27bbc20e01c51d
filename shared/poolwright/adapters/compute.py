"""Compute Engine, through google-cloud-compute (https://cloud.google.com/compute/docs/reference/rest/v1)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from google.api_core.exceptions import BadRequest, NotFound, from_http_response
from google.api_core.exceptions import Conflict as AlreadyThere
from google.protobuf.json_format import MessageToDict

from poolwright.adapters import compute_operations as operations
from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_errors import READ_RETRY, TIMEOUT, rejections, translated
from poolwright.adapters.google_imports import compute_client
from poolwright.references import GroupRef, last_part
from poolwright.services.ports import InUse, Json, Listed, Missing, Rejected, Taken, Weather

HOST = "compute.googleapis.com"
_PAGE = 500
_MEMBERS_A_CALL = 1000
_TEMPLATE_URL = re.compile(r"projects/[^/]+/(?:global|regions/[^/]+)/instanceTemplates/[^/?#]+$")
_NOTHING_THERE = "NO_RESULTS_ON_PAGE"
_IN_USE = "resourceInUseByAnotherResource"
_READ: dict[str, Any] = {"retry": READ_RETRY, "timeout": TIMEOUT}
_WRITE: dict[str, Any] = {"retry": None, "timeout": TIMEOUT}


class ComputeEngine:
    """The `Compute` port. Groups, members and images come through the typed clients.

    Instance templates come, and patches go, as raw JSON: the typed client drops every field that is newer than itself,
    and a template copied without it would boot other nodes than GKE meant.
    """

    def __init__(self, access: GoogleAccess) -> None:
        self._access = access

    @cached_property
    def _groups(self) -> Any:
        return self._access.rest(compute_client("InstanceGroupManagersClient"), HOST)

    @cached_property
    def _images(self) -> Any:
        return self._access.rest(compute_client("ImagesClient"), HOST)

    @translated()
    def group(self, ref: GroupRef) -> Json:
        return _json(self._groups.get(request=_named(ref), **_READ))

    @translated()
    def groups(self, project: str) -> Listed:
        listed = self._aggregated(project, "instanceGroupManagers", {"returnPartialSuccess": "true"})
        return Listed(tuple(each for each in listed if "zone" in each), listed.unreachable)

    @translated()
    def members(self, ref: GroupRef) -> list[Json]:
        pages = self._groups.list_managed_instances(request={**_named(ref), "max_results": _PAGE}, **_READ)
        return [_json(member) for member in pages]

    @translated()
    def errors(self, ref: GroupRef) -> list[Json]:
        pages = self._groups.list_errors(request={**_named(ref), "max_results": _PAGE}, **_READ)
        return [_json(error) for error in pages]

    @translated()
    def template(self, url: str) -> Json:
        return self._get(_template_path(url))

    @translated()
    def templates(self, project: str, *, name_prefix: str) -> list[Json]:
        listed = self._aggregated(project, "instanceTemplates", {"filter": f'name eq "{name_prefix}.*"'})
        if listed.unreachable:
            raise Weather(f"templates in {', '.join(sorted(listed.unreachable))} cannot be listed now")
        return list(listed)

    @translated()
    def templates_in_brief(self, project: str) -> Listed:
        disks = "properties/disks/initializeParams/sourceImage"
        fields = f"name,description,creationTimestamp,selfLink,region,{disks}"
        return self._aggregated(project, "instanceTemplates", _only("instanceTemplates", fields))

    @translated()
    def disks_in_brief(self, project: str) -> Listed:
        return self._aggregated(project, "disks", _only("disks", "name,sourceImage"))

    @translated()
    def begin_template(self, project: str, body: Json, *, region: str | None, request_id: str) -> str:
        scope = f"regions/{region}" if region else "global"
        path = f"projects/{project}/{scope}/instanceTemplates"
        try:
            operation = self._send("POST", path, params={"requestId": request_id}, body=body)
        except AlreadyThere:
            self._expect_finished(f"{path}/{body['name']}")
            return ""
        if operation.get("status") != "DONE":
            return _path(operation["selfLink"])
        self._finish_template(operation)
        return ""

    @translated()
    def finish_template(self, operation: str) -> None:
        self._finish_template({"selfLink": operation, "name": operation.rpartition("/")[2]})

    def _finish_template(self, operation: Json) -> None:
        try:
            self._finish(operation)
        except operations.OperationFailed as failed:
            if "RESOURCE_ALREADY_EXISTS" not in failed.codes:
                raise
            self._expect_finished(_path(failed.target))

    @translated()
    def delete_template(self, url: str, *, request_id: str) -> None:
        self._delete(_template_path(url), request_id)

    @translated()
    def delete_image(self, project: str, name: str, *, request_id: str) -> None:
        self._delete(f"projects/{project}/global/images/{name}", request_id)

    @translated()
    def patch_group(self, ref: GroupRef, patch: Json, *, request_id: str) -> None:
        self._finish(self._send("PATCH", str(ref), params={"requestId": request_id}, body=patch))

    @translated()
    def reservations(self, project: str) -> Listed:
        return self._aggregated(project, "reservations", {"returnPartialSuccess": "true"})

    @translated()
    def reservation(self, project: str, zone: str, name: str) -> Json:
        return self._get(f"projects/{project}/zones/{zone}/reservations/{name}")

    @translated()
    def started(self, ref: GroupRef, instance: str) -> float:
        path = f"projects/{ref.project}/zones/{ref.zone}/instances/{instance}"
        found = self._get(path, {"fields": "creationTimestamp,lastStartTimestamp"})
        return datetime.fromisoformat(found.get("lastStartTimestamp") or found["creationTimestamp"]).timestamp()

    @translated()
    @rejections()
    def create_instances(self, ref: GroupRef, names: Sequence[str], *, request_id: str) -> None:
        for some, its_id in _batches(names, request_id):
            body = {"instances": [{"name": name} for name in some]}
            request = {**_named(ref), "request_id": its_id}
            request["instance_group_managers_create_instances_request_resource"] = body
            try:
                self._finish(_json(self._groups.create_instances_unary(request=request, **_WRITE)))
            except AlreadyThere as taken:
                raise Taken(str(taken)) from taken
            except operations.OperationFailed as failed:
                if "RESOURCE_ALREADY_EXISTS" not in failed.codes:
                    raise Rejected(str(failed), status="FAILED_PRECONDITION") from failed
                raise Taken(str(failed)) from failed

    @translated()
    def delete_instances(self, ref: GroupRef, instances: Sequence[str], *, request_id: str) -> None:
        urls = [_instance_url(ref, instance) for instance in instances]
        for some, its_id in _batches(urls, request_id):
            body = {"instances": list(some), "skip_instances_on_validation_error": True}
            request = {**_named(ref), "request_id": its_id}
            request["instance_group_managers_delete_instances_request_resource"] = body
            self._finish(_json(self._groups.delete_instances_unary(request=request, **_WRITE)))

    @translated()
    def recreate_instances(self, ref: GroupRef, instances: Sequence[str], *, request_id: str) -> None:
        urls = [_instance_url(ref, instance) for instance in instances]
        for some, its_id in _batches(urls, request_id):
            request = {**_named(ref), "request_id": its_id}
            request["instance_group_managers_recreate_instances_request_resource"] = {"instances": list(some)}
            self._finish(_json(self._groups.recreate_instances_unary(request=request, **_WRITE)))

    @translated()
    def boot_disks(self, project: str, *, image: str) -> list[Json]:
        return list(self._aggregated(project, "disks", {"filter": f'sourceImage = "{image}"'}))

    @translated()
    def image(self, project: str, name: str) -> Json:
        return _json(self._images.get(request={"project": project, "image": name}, **_READ))

    @translated()
    def images(self, project: str, *, family: str) -> list[Json]:
        request = {"project": project, "filter": f'family = "{family}"', "max_results": _PAGE}
        found = [_json(image) for image in self._images.list(request=request, **_READ)]
        return sorted(found, key=_made_at, reverse=True)

    def _finish(self, operation: Json) -> None:
        """Wait for what a write began (zonal, regional and global operations alike)."""

        def wait(begun: Json, seconds: float) -> Json:
            return self._send("POST", f"{_path(begun['selfLink'])}/wait", timeout=seconds)

        operations.finish(operation, wait)

    def _expect_finished(self, path: str) -> None:
        """Weather where a template exists already and yet cannot be read: somebody is still making it."""
        try:
            self._get(path)
        except NotFound as unfinished:
            raise Weather(f"{path} is being made or deleted by somebody else just now") from unfinished

    def _delete(self, path: str, request_id: str) -> None:
        """https://cloud.google.com/compute/docs/reference/rest/v1/instanceTemplates/delete: "It is not possible to
        delete templates that are already in use by a managed instance group"."""
        try:
            self._finish(self._send("DELETE", path, params={"requestId": request_id}))
        except (NotFound, Missing):
            return
        except BadRequest as refused:
            if _IN_USE not in {str(item.get("reason")) for item in refused.errors if isinstance(item, dict)}:
                raise
            raise InUse(str(refused)) from refused
        except operations.OperationFailed as failed:
            if "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE" not in failed.codes:
                raise
            raise InUse(str(failed)) from failed

    def _aggregated(self, project: str, what: str, params: dict[str, str]) -> Listed:
        """All pages of an aggregated list, and the scopes that it warns of. A scope without results carries the warning
        NO_RESULTS_ON_PAGE, one that does not answer UNREACHABLE, where `returnPartialSuccess` lets it
        (https://cloud.google.com/compute/docs/reference/rest/v1/instanceGroupManagers/aggregatedList)."""
        items: list[Json] = []
        silent: set[str] = set()
        for page in self._pages(f"projects/{project}/aggregated/{what}", {"maxResults": str(_PAGE), **params}):
            for scope, scoped in page.get("items", {}).items():
                items += scoped.get(what, [])
                if _is_trouble(scoped):
                    silent.add(last_part(scope))
            silent.update(last_part(place) for place in page.get("unreachables", []))
            if _is_trouble(page):
                told = [each["value"] for each in page["warning"].get("data", []) if each.get("key") == "scope"]
                silent.update(last_part(place) for place in told or [Listed.EVERYWHERE])
        return Listed(tuple(items), frozenset(silent))

    def _get(self, path: str, params: dict[str, str] | None = None) -> Json:
        found: Json = READ_RETRY(self._send)("GET", path, params=params)
        return found

    def _pages(self, path: str, params: dict[str, str]) -> Iterator[Json]:
        while True:
            page = self._get(path, params)
            yield page
            if "nextPageToken" not in page:
                return
            params = {**params, "pageToken": page["nextPageToken"]}

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: Json | None = None,
        timeout: float = TIMEOUT,
    ) -> Json:
        url = f"{self._access.url(HOST)}/compute/v1/{path}"
        answer = self._access.session.request(method, url, params=params, json=body, timeout=timeout)
        if answer.status_code >= 400:
            raise from_http_response(answer)
        found: Json = answer.json()
        return found


def _json(message: Any) -> Json:
    """A message as REST prints it."""
    found: Json = MessageToDict(type(message).pb(message))
    return found


def _named(ref: GroupRef) -> dict[str, Any]:
    return {"project": ref.project, "zone": ref.zone, "instance_group_manager": ref.name}


def _only(what: str, fields: str) -> dict[str, str]:
    """Parameters of an aggregated list that is to say no more of each item, and may leave silent scopes out."""
    wanted = f"items/*/{what}({fields}),items/*/warning,warning,nextPageToken"
    if what != "instanceTemplates":  # whose list has no such field, and asking for it is refused
        wanted += ",unreachables"
    return {"returnPartialSuccess": "true", "fields": wanted}


def _is_trouble(answer: Json) -> bool:
    return bool(answer.get("warning", {}).get("code", _NOTHING_THERE) != _NOTHING_THERE)


def _path(link: str) -> str:
    """What comes after `/compute/v1/`, of a link or of such a path."""
    return link.partition("/compute/v1/")[2] or link


def _template_path(url: str) -> str:
    if not (found := _TEMPLATE_URL.search(url)):
        raise ValueError(f"{url!r} is no instance template; expected projects/P/global/instanceTemplates/N")
    return found.group()


def _instance_url(ref: GroupRef, instance: str) -> str:
    return instance if "/" in instance else f"projects/{ref.project}/zones/{ref.zone}/instances/{instance}"


def _batches(items: Sequence[str], request_id: str) -> Iterator[tuple[Sequence[str], str]]:
    """As many as one call takes, each call with an id of its own that a repeat derives again."""
    for start in range(0, len(items), _MEMBERS_A_CALL):
        its_id = str(uuid.uuid5(uuid.UUID(request_id), str(start))) if start else request_id
        yield items[start : start + _MEMBERS_A_CALL], its_id


def _made_at(image: Json) -> float:
    return datetime.fromisoformat(image["creationTimestamp"]).timestamp()
