"""storage.googleapis.com, as far as a build's source and its log need it: buckets, and small objects put and read.

https://cloud.google.com/storage/docs/json_api/v1; an upload is one request, of the type `multipart`
(https://cloud.google.com/storage/docs/json_api/v1/how-tos/multipart-upload) or `media`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from localcloud.world import World

HOST = "storage.googleapis.com"
_BUCKETS = re.compile(r"/storage/v1/b(?:/([^/]+))?")
_OBJECTS = re.compile(r"/storage/v1/b/([^/]+)/o")
_OBJECT = re.compile(r"/storage/v1/b/([^/]+)/o/(.+)")
_UPLOAD = re.compile(r"(?:/resumable)?/upload/storage/v1/b/([^/]+)/o")
Json = dict[str, Any]
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Storage:
    """The host; what is no bucket and no object of ours goes to `logs`."""

    def __init__(self, world: World, logs: Handler) -> None:
        self._world = world
        self._logs = logs

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Buckets: insert, get. Objects: insert, list by prefix, get, get of the media."""
        path = request.path_qs.partition("?")[0]
        if found := _BUCKETS.fullmatch(path):
            return await self._bucket(request, found[1])
        if found := _UPLOAD.fullmatch(path):
            return await self._put(request, found[1])
        if (found := _OBJECTS.fullmatch(path)) and request.method == "GET":
            return self._list(found[1], request.query.get("prefix", ""))
        if found := _OBJECT.fullmatch(path):
            return self._get(request, found[1], unquote(found[2]))
        return await self._logs(request)

    async def _bucket(self, request: web.BaseRequest, name: str | None) -> web.StreamResponse:
        buckets = self._world.table("storage.buckets")
        if request.method == "POST" and name is None:
            name = str(json.loads(await request.read())["name"])
            if name in buckets:
                return _refused(409, "conflict", "Your previous request to create the named bucket succeeded.")
            buckets[name] = {"kind": "storage#bucket", "id": name, "name": name, "location": "US"}
            self._world.keep()
        if request.method not in ("GET", "POST") or name not in buckets:
            return _no_bucket()
        return web.json_response(buckets[name])

    async def _put(self, request: web.BaseRequest, bucket: str) -> web.StreamResponse:
        if bucket not in self._world.table("storage.buckets"):
            return _no_bucket()
        body, kind = await request.read(), request.query.get("uploadType")
        told: Json = {}
        if kind == "multipart":
            meta, body = _parts(request.headers["Content-Type"], body)
            told = json.loads(meta)
        elif kind != "media":
            return _refused(501, "notImplemented", f"The local stand-in takes no upload of the type {kind}.")
        name = str(request.query.get("name") or told["name"])
        found = {
            "kind": "storage#object", "id": f"{bucket}/{name}/1", "bucket": bucket, "name": name, "generation": "1",
            "metageneration": "1", "size": str(len(body)), "storageClass": "STANDARD",
            "md5Hash": base64.b64encode(hashlib.md5(body).digest()).decode(),
        }  # fmt: skip
        stored = {**found, "_media": base64.b64encode(body).decode()}
        self._world.table("storage.objects")[f"{bucket}/{name}"] = stored
        self._world.keep()
        return web.json_response(found)

    def _list(self, bucket: str, prefix: str) -> web.StreamResponse:
        if bucket not in self._world.table("storage.buckets"):
            return _no_bucket()
        stored = self._world.table("storage.objects")
        items = [_shown(each) for name, each in sorted(stored.items()) if name.startswith(f"{bucket}/{prefix}")]
        return web.json_response({"kind": "storage#objects", "items": items} if items else {"kind": "storage#objects"})

    def _get(self, request: web.BaseRequest, bucket: str, name: str) -> web.StreamResponse:
        found = self._world.table("storage.objects").get(f"{bucket}/{name}")
        if request.method != "GET" or found is None:
            return _refused(404, "notFound", f"No such object: {bucket}/{name}")
        if request.query.get("alt") == "media":
            return web.Response(body=base64.b64decode(found["_media"]))
        return web.json_response(_shown(found))


def _shown(stored: Json) -> Json:
    return {key: value for key, value in stored.items() if not key.startswith("_")}


def _parts(content_type: str, body: bytes) -> list[bytes]:
    """Metadata and media. gcloud has its boundary in single quotes, and ends lines as Unix does."""
    found = re.search(r"""boundary=['"]?([^'";]+)""", content_type)
    boundary = b"--" + (found[1] if found else "").encode()
    end = b"\r\n" if body.startswith(boundary + b"\r\n") else b"\n"
    return [part.partition(end * 2)[2] for part in (end + body).split(end + boundary)[1:3]]


def _no_bucket() -> web.Response:
    return _refused(404, "notFound", "The specified bucket does not exist.")


def _refused(status: int, reason: str, message: str) -> web.Response:
    """An error as the JSON API has it (https://cloud.google.com/storage/docs/json_api/v1/status-codes)."""
    error = {"code": status, "message": message, "errors": [{"message": message, "domain": "global", "reason": reason}]}
    return web.json_response({"error": error}, status=status)
