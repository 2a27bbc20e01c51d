"""HTTP requests of clients: routed by path, answered by verb, refused with a `Status`."""

from __future__ import annotations

import json
import logging
from typing import Any

from aiohttp import web

from localcloud.kubernetes import bodies, discovery, errors, eviction, openapi, patches, patching, subresources, tables
from localcloud.kubernetes.bodies import JSON, Accepted
from localcloud.kubernetes.decoding import decode
from localcloud.kubernetes.kinds import BODIES, Kind
from localcloud.kubernetes.listing import integer, page, selection
from localcloud.kubernetes.objects import Deletion, Objects, Options
from localcloud.kubernetes.paths import Target, parse
from localcloud.kubernetes.watching import Watch

Json = dict[str, Any]

_log = logging.getLogger(__name__)
_PLAIN = Accepted(JSON, {})
_PATHS = ["/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]


class Server:
    """The HTTP face of one cluster."""

    def __init__(self, objects: Objects, version: str) -> None:
        self._objects = objects
        self._version = version

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Every path under /; an `ApiError` becomes its `Status`."""
        try:
            target = parse(request.path)
            if target is None:
                return self._outside_resources(request)
            kind = self._objects.kinds.find(target.group, target.version, target.plural)
            if kind is None or (target.namespace and not kind.namespaced):
                return self._nothing(target.group)
            return await _Call(self._objects, kind, target, request).answer()
        except errors.ApiError as error:
            headers = {"Retry-After": str(error.retry_after)} if error.retry_after else None
            return bodies.respond(error.status(), _PLAIN, status=error.code, headers=headers)
        except Exception:
            _log.exception("the embedded Kubernetes API failed on %s %s", request.method, request.path)
            failure = errors.ApiError(500, "InternalError", "Internal error occurred: see the log of localcloud")
            return bodies.respond(failure.status(), _PLAIN, status=500)

    def _outside_resources(self, request: web.Request) -> web.StreamResponse:
        path, kinds = request.path.rstrip("/"), self._objects.kinds
        if path in ("/healthz", "/livez", "/readyz"):
            return web.Response(text="ok")
        body: Json | None = None
        if path in ("/api", "/apis"):
            return self._discovery(request, core=path == "/api")
        if path == "/version":
            body = self._release()
        elif path == "":
            body = {"paths": _PATHS}
        elif path == "/openapi/v2":
            if openapi.PROTOBUF in request.headers.get("Accept", ""):
                # An empty document: old kubectl finds no kind in it and leaves validation to the server.
                return web.Response(body=b"", content_type=openapi.PROTOBUF.replace("@", "."))
            body = openapi.swagger(self._objects.schemas, kinds, self._version)
        elif path == "/openapi/v3":
            body = openapi.index(kinds)
        elif path.startswith("/openapi/v3/"):
            document = path.removeprefix("/openapi/v3/")
            body = openapi.document(self._objects.schemas, kinds, document, self._version)
        elif path == "/api/v1":
            body = discovery.resource_list(kinds, "", "v1")
        elif path.startswith("/apis/"):
            parts = path.split("/")[2:]
            body = discovery.group(kinds, parts[0]) if len(parts) == 1 else discovery.resource_list(kinds, *parts[:2])
        if body is None:
            root, _, rest = path.lstrip("/").partition("/")
            return self._nothing(rest.partition("/")[0] if root == "apis" else "" if root == "api" else root)
        return bodies.respond(body, _PLAIN)

    def _nothing(self, group: str) -> web.Response:
        """Of a group that is built in an apiserver knows more than of any other path."""
        if self._objects.kinds.knows_group(group):
            raise errors.unknown_resource()
        return web.Response(text="404 page not found\n", status=404)

    def _discovery(self, request: web.Request, *, core: bool) -> web.Response:
        kinds = self._objects.kinds
        if form := discovery.aggregated_form(request.headers.get("Accept", "")):
            version = form.parameters["v"]
            body = discovery.aggregated(kinds, core=core, version=version)
            content = f"{JSON};g={discovery.DISCOVERY_GROUP};v={version};as=APIGroupDiscoveryList"
            return web.Response(body=bodies.encode(body, _PLAIN), headers={"Content-Type": content})
        body = discovery.core_versions(request.host) if core else discovery.group_list(kinds)
        return bodies.respond(body, _PLAIN)

    def _release(self) -> Json:
        """/version: as version.Info of apimachinery."""
        major, minor = self._version.lstrip("v").split(".")[:2]
        return {
            "major": major, "minor": minor, "gitVersion": self._version, "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "linux/amd64",
            "emulationMajor": major, "emulationMinor": minor, "minCompatibilityMajor": major,
            "minCompatibilityMinor": minor,
        }  # fmt: skip


class _Call:
    """One request to a resource."""

    def __init__(self, objects: Objects, kind: Kind, target: Target, request: web.Request) -> None:
        self._objects = objects
        self._kind = kind
        self._target = target
        self._request = request
        self._query = request.query
        self._accepted = _PLAIN if target.subresource == "log" else bodies.negotiate(request)
        self._options = self._read_options()

    async def answer(self) -> web.StreamResponse:
        target, method = self._target, self._request.method
        if target.subresource:
            if not self._kind.has(target.subresource):
                raise errors.unknown_resource()
            return await self._subresource()
        if not target.name:
            return await self._collection(method)
        if self._kind.namespaced and not target.namespace:
            raise errors.method_not_allowed()
        if method in ("GET", "HEAD"):
            if self._query.get("watch") in ("true", "1"):
                return await self._watch()
            return self._object(self._live())
        if method == "PUT":
            return self._object(
                self._objects.replace(self._kind, target.namespace, target.name, await self._body(), self._options)
            )
        if method == "PATCH":
            return await self._patch()
        if method == "DELETE":
            return await self._delete()
        raise errors.method_not_allowed()

    async def _collection(self, method: str) -> web.StreamResponse:
        kind, target = self._kind, self._target
        if method == "POST" and "create" in kind.verbs:
            body = await self._body()
            if "get" not in kind.verbs:
                return self._object(subresources.review(kind, decode(self._objects.schemas, kind, body)[0]), status=201)
            namespace = target.namespace
            if kind.namespaced and not namespace:
                raise errors.method_not_allowed()
            return self._object(self._objects.create(kind, namespace, body, self._options), status=201)
        if "list" not in kind.verbs or method not in ("GET", "HEAD", "DELETE"):
            raise errors.method_not_allowed()
        if method == "DELETE":
            return await self._delete_collection()
        if self._query.get("watch") in ("true", "1"):
            return await self._watch()
        listed = page(self._objects, kind, target.namespace, self._query)
        return self._respond(tables.shape_list(self._view(), kind, listed.items, listed.metadata()))

    async def _watch(self) -> web.StreamResponse:
        view = self._view()
        watch = Watch(
            objects=self._objects, kind=self._kind, namespace=self._target.namespace, name=self._target.name,
            query=self._query, shape=lambda obj: tables.shape_object(view, self._kind, obj),
        )  # fmt: skip
        return await watch.serve(self._request, self._accepted)

    async def _patch(self) -> web.Response:
        body = await bodies.read(self._request, allowed=patching.media_types(self._kind))
        media = self._request.headers.get("Content-Type", "").partition(";")[0].strip()
        patched, is_new = patching.patch(
            self._objects, self._kind, namespace=self._target.namespace, name=self._target.name, body=body,
            media=media, options=self._options,
        )  # fmt: skip
        return self._object(patched, status=201 if is_new else 200)

    async def _delete(self) -> web.Response:
        deletion = await self._deletion()
        obj, gone = self._objects.delete(self._kind, self._target.namespace, self._target.name, deletion)
        if not gone or self._kind.key == "pods":
            return self._object(obj)
        details = {"name": self._target.name, "group": self._kind.group, "kind": self._kind.plural,
                   "uid": obj["metadata"]["uid"]}  # fmt: skip
        details = {key: value for key, value in details.items() if value}
        success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return self._respond(success)

    async def _delete_collection(self) -> web.Response:
        deletion = await self._deletion()
        test = selection(self._kind, self._query)
        found = self._objects.select(self._kind, self._target.namespace, test)
        for obj in found:
            where = obj["metadata"].get("namespace", "")
            self._objects.delete(self._kind, where, obj["metadata"]["name"], deletion)
        meta = {"resourceVersion": str(self._objects.store.version)}
        return self._respond(tables.shape_list(self._view(), self._kind, found, meta))

    async def _subresource(self) -> web.StreamResponse:
        target, method = self._target, self._request.method
        if target.subresource == "status":
            return await self._status(method)
        if target.subresource == "scale":
            return await self._scale(method)
        if target.subresource == "log" and method == "GET":
            text = subresources.log(self._live(), self._query.get("container", ""))
            return web.Response(text=text)
        if target.subresource == "finalize" and method == "PUT":
            return await self._finalize()
        if method == "POST" and target.subresource in ("binding", "eviction", "token"):
            return await self._post(target.subresource)
        if target.subresource in ("exec", "attach", "portforward", "ephemeralcontainers"):
            message = f"localcloud simulates containers: there is no process to {target.subresource} to"
            raise errors.ApiError(501, "NotImplemented", message)
        raise errors.method_not_allowed()

    async def _status(self, method: str) -> web.Response:
        target = self._target
        if method == "GET":
            return self._object(self._live())
        if method == "PUT":
            body = await self._body()
            return self._object(self._objects.replace(self._kind, target.namespace, target.name, body, self._options))
        if method == "PATCH":
            return await self._patch()
        raise errors.method_not_allowed()

    async def _scale(self, method: str) -> web.Response:
        kind, live = self._kind, self._live()
        shown = subresources.scale_of(kind, live)
        if method == "GET":
            return self._respond(shown)
        if method == "PUT":
            wanted = self._typed("scale", await self._body())
        elif method == "PATCH":
            allowed = [patches.MERGE_PATCH, patches.STRATEGIC_PATCH, patches.JSON_PATCH]
            body = await bodies.read(self._request, allowed=allowed)
            is_list = isinstance(body, list)
            patched = patches.json_patch(shown, body) if is_list else patches.merge_patch(shown, body)
            wanted = self._typed("scale", patched)
        else:
            raise errors.method_not_allowed()
        options = Options(dry_run=self._options.dry_run, manager=self._options.manager)
        changed = self._objects.change(kind, live, subresources.scaled(kind, live, wanted), options)
        return self._respond(subresources.scale_of(kind, changed))

    async def _finalize(self) -> web.Response:
        """PUT namespaces/NAME/finalize: the finalizers of the spec, which nothing else may change."""
        live, body = self._live(), await self._body()
        finalizers = decode(self._objects.schemas, self._kind, body)[0].get("spec", {}).get("finalizers", [])
        new = {**live, "spec": {**live["spec"], "finalizers": finalizers}}
        return self._object(self._objects.change(self._kind, live, new, Options()))

    async def _post(self, subresource: str) -> web.Response:
        live, body = self._live(), self._typed(subresource, await self._body())
        if subresource == "binding":
            return self._respond(subresources.bind(self._objects, live, body, self._options), status=201)
        if subresource == "token":
            return self._respond(subresources.token(self._objects, live, body), status=201)
        given = (body.get("metadata") or {}).get("name")
        if given and given != self._target.name:
            raise errors.bad_request("name in URL does not match name in Eviction object")
        deletion = _read_deletion(body.get("deleteOptions") or {}, dry_run=self._options.dry_run)
        return self._respond(eviction.evict(self._objects, live, deletion), status=201)

    def _typed(self, what: str, body: Any) -> Json:
        """The body of a subresource or a deletion, decoded as its kind."""
        if not isinstance(body, dict):
            raise errors.bad_request("the request body is not an object; send one as JSON or YAML")
        return decode(self._objects.schemas, BODIES[what], body)[0]

    def _live(self) -> Json:
        return self._objects.get(self._kind, self._target.namespace, self._target.name)

    async def _body(self) -> Json:
        body = await bodies.read(self._request)
        if not isinstance(body, dict):
            raise errors.bad_request("the request body is not an object; send one as JSON or YAML")
        return body

    async def _deletion(self) -> Deletion:
        body = self._typed("delete", await bodies.read(self._request) or {})
        query = self._query
        if (grace := integer(query, "gracePeriodSeconds")) is not None:
            body.setdefault("gracePeriodSeconds", grace)
        if "propagationPolicy" in query:
            body.setdefault("propagationPolicy", query["propagationPolicy"])
        return _read_deletion(body, dry_run=self._options.dry_run)

    def _read_options(self) -> Options:
        query = self._query
        dry_run = query.get("dryRun", "")
        if dry_run not in ("", "All"):
            problem = errors.unsupported("dryRun", [dry_run], ["All"])
            raise errors.invalid("meta.k8s.io", f"{_OPTIONS.get(self._request.method, 'Create')}Options", "", [problem])
        agent = self._request.headers.get("User-Agent", "unknown").partition("/")[0]
        is_apply = self._request.headers.get("Content-Type", "").startswith(patches.APPLY_PATCH)
        return Options(
            dry_run=dry_run == "All", manager=query.get("fieldManager") or ("" if is_apply else agent),
            validation=query.get("fieldValidation") or "Warn", force=query.get("force") in ("true", "1"),
            subresource="status" if self._target.subresource == "status" else "",
        )  # fmt: skip

    def _view(self) -> tables.View:
        include = self._query.get("includeObject", "Metadata")
        return tables.View(shape=self._accepted.shape, include=include, now=self._objects.now())

    def _object(self, obj: Json, *, status: int = 200) -> web.Response:
        return self._respond(tables.shape_object(self._view(), self._kind, obj), status=status)

    def _respond(self, body: Json, *, status: int = 200) -> web.Response:
        response = bodies.respond(body, self._accepted, status=status)
        for warning in self._options.warnings:
            response.headers.add("Warning", f"299 - {json.dumps(warning)}")
        return response


_OPTIONS = {"PUT": "Update", "PATCH": "Patch", "DELETE": "Delete"}


def _read_deletion(body: Json, *, dry_run: bool) -> Deletion:
    preconditions = body.get("preconditions") or {}
    propagation = body.get("propagationPolicy") or ("Orphan" if body.get("orphanDependents") else "Background")
    return Deletion(
        dry_run=dry_run or body.get("dryRun") == ["All"], grace=body.get("gracePeriodSeconds"),
        propagation=propagation, uid=preconditions.get("uid", ""), version=preconditions.get("resourceVersion", ""),
    )  # fmt: skip
