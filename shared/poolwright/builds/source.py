"""GKE's node image that a boot image is built on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poolwright.references import last_part

if TYPE_CHECKING:
    from poolwright.environments import SourceImagePolicy

_LINK = re.compile(r"(?:^|/)projects/([^/]+)/global/images/([a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)$")
_NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_VERSION = re.compile(r"gke-(\d)(\d\d)(\d{1,2})-gke(\d+)-")


@dataclass(frozen=True)
class SourceImage:
    """A node image by project and name."""

    project: str
    name: str

    @classmethod
    def parse(cls, text: str) -> SourceImage:
        """From a link in any form, or from a name alone: then it is in the project where GKE keeps images of its kind
        (https://cloud.google.com/kubernetes-engine/docs/concepts/node-images). ValueError."""
        if found := _LINK.search(text):
            return cls(*found.groups())
        if not _NAME.fullmatch(text):
            raise ValueError(f"{text!r} is no image; expected a name or projects/P/global/images/NAME")
        return cls("ubuntu-os-gke-cloud" if "ubuntu" in text else "gke-node-images", text)

    @property
    def link(self) -> str:
        """Its partial URL."""
        return f"projects/{self.project}/global/images/{self.name}"

    @property
    def gke_version(self) -> str:
        """The version that the name tells (`gke-1335-gke1308000-cos-...` is 1.33.5-gke.1308000), else empty. A label
        for people: nothing is decided by it."""
        found = _VERSION.match(self.name)
        return "{}.{}.{}-gke.{}".format(*found.groups()) if found else ""


def why_unexpected(policy: SourceImagePolicy, source_image: str, *, environment: str) -> str:
    """Why an environment does not build on this source image, in a sentence; empty where it does.

    An environment that names its image builds on that one, unless it says that what GKE moves to is followed.
    """
    name = last_part(source_image)
    if not policy.image or name == last_part(policy.image) or policy.on_change == "rebuild":
        return ""
    return f"{environment} is on source image {last_part(policy.image)}, not on {name}."
