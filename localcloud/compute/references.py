"""Names and links of Compute's resources.

A resource's path (`projects/P/zones/Z/instances/N`) is its key everywhere inside; its self link is what Google prints.
References in requests come in every host and partial form Google accepts; `path_of` reads them all.
"""

from __future__ import annotations

import re
from typing import Any

from localcloud.compute.refusals import invalid, required

ROOT = "https://www.googleapis.com/compute/v1/"
NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_HOST = re.compile(r"(?:(?:https?:)?//[^/]+)?/?(?:compute/(?:v1|beta|alpha)/)?")
_FAMILY_VIEW = re.compile(r"projects/([^/]+)/zones/[^/]+/imageFamilyViews/([^/]+)")
# Debian's packer 1.6 leaves the word `projects` out of its links to disks.
_WITHOUT_PROJECTS = re.compile(r"[a-z][-a-z0-9]{4,28}[a-z0-9]/(?:global|zones|regions)/.+")
_PATH = re.compile(r"projects/[^/]+/(?:global|zones/[^/]+|regions/[^/]+)/[A-Za-z]+/(?:family/)?[^/]+")


def self_link(path: str) -> str:
    """The link Google prints for a path."""
    return ROOT + path


def path_in(link: str) -> str:
    """The path inside a link that we printed ourselves."""
    return link.removeprefix(ROOT)


def last(text: str) -> str:
    """The name at a path's or link's end."""
    return text.rpartition("/")[2]


def scope_of(path: str) -> str:
    """`global`, `zones/Z` or `regions/R` of a path."""
    parts = path.split("/")
    return "global" if parts[2] == "global" else "/".join(parts[2:4])


def location_fields(path: str) -> dict[str, str]:
    """The `zone` or `region` link that a resource of this path carries."""
    project, scope = path.split("/")[1], scope_of(path)
    if scope == "global":
        return {}
    return {scope.split("/")[0].removesuffix("s"): self_link(f"projects/{project}/{scope}")}


def region_of(zone: str) -> str:
    """`us-central1` of `us-central1-a`."""
    return zone.rpartition("-")[0]


def path_of(
    text: str, *, project: str, collection: str, field: str, scope: str | None = None, numbers: dict[str, str]
) -> str:
    """A reference as a path.

    `scope`: where a bare name is looked for; None where Google refuses bare names. `numbers`: project number -> id.
    Errors: 400 "The URL is malformed." as Google says it.
    """
    rest = text[len(_HOST.match(text)[0]) :]  # type: ignore[index]
    if ("/" not in rest and scope is not None and rest) or (rest.startswith("family/") and scope is not None):
        rest = f"{scope}/{collection}/{rest}"
    if rest.startswith(("zones/", "regions/", "global/")):
        rest = f"projects/{project}/{rest}"
    elif _WITHOUT_PROJECTS.fullmatch(rest):
        rest = f"projects/{rest}"
    rest = _FAMILY_VIEW.sub(r"projects/\1/global/images/family/\2", rest)
    parts = rest.split("/")
    if not _PATH.fullmatch(rest) or f"/{collection}/" not in rest:
        raise invalid(field, text, "The URL is malformed.")
    parts[1] = numbers.get(parts[1], parts[1])
    return "/".join(parts)


def check_name(body: dict[str, Any], *, field: str = "resource.name") -> str:
    """The body's name, if it is one Google takes."""
    name = str(body.get("name") or "")
    if not name:
        raise required(field)
    if not NAME.fullmatch(name):
        raise invalid(field, name, f"Must be a match of regex '{NAME.pattern}'")
    return name
