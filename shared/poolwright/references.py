"""What names a thing in Google Cloud, without its URL's many forms."""

from __future__ import annotations

import re
from dataclasses import dataclass

REFERENCE_POOL = "poolwright.dev/reference-pool"  # node label of a reference pool; its value is the environment's name

_GROUP_URL = re.compile(r"projects/([^/]+)/zones/([^/]+)/instanceGroup(?:Manager)?s/([^/?#]+)$")
_CLUSTER_NAME = re.compile(r"projects/([^/]+)/locations/([^/]+)/clusters/([^/]+)")
_POOL_NAME = re.compile(r"projects/([^/]+)/(?:locations|zones)/([^/]+)/clusters/([^/]+)/nodePools/([^/]+)$")


@dataclass(frozen=True, order=True)
class ClusterRef:
    """A GKE cluster; `location` is a region or a zone."""

    project: str
    location: str
    name: str

    def __str__(self) -> str:
        return f"projects/{self.project}/locations/{self.location}/clusters/{self.name}"

    @classmethod
    def parse(cls, path: str) -> ClusterRef:
        """From its own text; ValueError where it is none."""
        if not (found := _CLUSTER_NAME.fullmatch(path)):
            raise ValueError(f"{path!r} is no cluster; expected projects/P/locations/L/clusters/C")
        return cls(*found.groups())


@dataclass(frozen=True, order=True)
class PoolRef:
    """A node pool of a cluster."""

    cluster: ClusterRef
    name: str

    def __str__(self) -> str:
        return f"{self.cluster}/nodePools/{self.name}"

    @classmethod
    def parse(cls, name: str) -> PoolRef:
        """From a resource name or URL; ValueError where it is none."""
        if not (found := _POOL_NAME.search(name)):
            raise ValueError(f"{name!r} is no node pool; expected .../locations/L/clusters/C/nodePools/P")
        project, location, cluster, pool = found.groups()
        return cls(ClusterRef(project, location, cluster), pool)


@dataclass(frozen=True, order=True)
class GroupRef:
    """A zonal managed instance group."""

    project: str
    zone: str
    name: str

    def __str__(self) -> str:
        return f"projects/{self.project}/zones/{self.zone}/instanceGroupManagers/{self.name}"

    @classmethod
    def parse(cls, url: str) -> GroupRef:
        """From `nodePool.instanceGroupUrls` or any partial form; ValueError where it is none."""
        if not (found := _GROUP_URL.search(url)):
            raise ValueError(f"{url!r} is no zonal instance group; expected .../zones/Z/instanceGroupManagers/N")
        return cls(*found.groups())


def last_part(url: str) -> str:
    """The name at the end of a URL or partial reference (`.../zones/us-central1-a` -> `us-central1-a`)."""
    return url.rstrip("/").rpartition("/")[2]
