"""Bodies in and out: JSON and YAML, and what a client accepts.

Protobuf is read and never written: it is passed over when accepted beside JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import yaml
from aiohttp import web

from localcloud.kubernetes import protobuf
from localcloud.kubernetes.errors import ApiError, bad_request, not_acceptable, unsupported_media_type

Json = dict[str, Any]

JSON = "application/json"
YAML = "application/yaml"
LARGEST = 3 * 1024 * 1024  # bytes; the apiserver's own limit


@dataclass(frozen=True, slots=True)
class Accepted:
    """One form a client takes: the media type and its parameters (`as`, `g`, `v`)."""

    media: str
    parameters: dict[str, str]

    @property
    def shape(self) -> str:
        """What the body is turned into: Table, PartialObjectMetadata, ... or the empty string."""
        return self.parameters.get("as", "")


def parse_accept(header: str) -> list[Accepted]:
    """The forms a client takes, its favourite first."""
    found = []
    for part in filter(None, (piece.strip() for piece in header.split(","))):
        media, *rest = (piece.strip() for piece in part.split(";"))
        parameters = dict(item.split("=", 1) for item in rest if "=" in item)
        found.append((float(parameters.get("q", 1)), Accepted(media.lower(), parameters)))
    found.sort(key=lambda item: -item[0])
    return [accepted for _, accepted in found] or [Accepted(JSON, {})]


_TURNED = {"Table": ("meta.k8s.io", "v1"), "PartialObjectMetadata": ("meta.k8s.io", "v1"),
           "PartialObjectMetadataList": ("meta.k8s.io", "v1")}  # fmt: skip


def negotiate(request: web.Request) -> Accepted:
    """The first form of the client's that can be served; 406 when none can."""
    for accepted in parse_accept(request.headers.get("Accept", JSON)):
        if accepted.media in ("*/*", "application/*"):
            return Accepted(JSON, {})
        if accepted.media not in (JSON, YAML):
            continue
        group_version = accepted.parameters.get("g"), accepted.parameters.get("v")
        if not accepted.shape or _TURNED.get(accepted.shape) == group_version:
            return accepted
    raise not_acceptable()


async def read(request: web.Request, *, allowed: list[str] | None = None) -> Any:
    """The decoded body, or None without one; 415 for media types not allowed, 400 when it does not parse."""
    raw = await request.read()
    if not raw:
        return None
    media = (request.headers.get("Content-Type") or JSON).partition(";")[0].strip().lower()
    if len(raw) > LARGEST:
        raise ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {LARGEST}")
    accepted = allowed or [JSON, YAML, protobuf.MEDIA]
    if media not in accepted:
        raise unsupported_media_type(accepted)
    try:
        if media == protobuf.MEDIA:
            return protobuf.decode(raw)
        if media.endswith("yaml"):
            return yaml.load(raw, Loader=_Loader)  # noqa: S506  # a SafeLoader
        return json.loads(raw)
    except (ValueError, yaml.YAMLError) as error:
        raise bad_request(f"the object provided could not be decoded: {error}") from None


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # chosen at run time
    """YAML as Kubernetes reads it: a time stays the string it is."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def encode(body: Any, accepted: Accepted) -> bytes:
    """The body as bytes in the accepted media type."""
    if accepted.media == YAML:
        return yaml.safe_dump(body, sort_keys=False).encode()
    return json.dumps(body, separators=(",", ":")).encode() + b"\n"


def respond(body: Any, accepted: Accepted, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A response in the accepted media type."""
    return web.Response(body=encode(body, accepted), status=status, content_type=accepted.media, headers=headers)
