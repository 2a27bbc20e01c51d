"""What the services need of the outside world. Adapters implement it; tests and the core see only this.

JSON of Compute (`Json`) is as its REST API prints it: lowerCamelCase, 64-bit numbers as strings, unknown fields kept.
Errors: `Missing` for what is not there, `Stale` for a fingerprint or version that has moved on, `Weather` for
rate limits, timeouts and unavailability (try again later); anything else propagates as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from poolwright.nodes import ConfigMap as ConfigMap
from poolwright.nodes import ImagePull as ImagePull
from poolwright.nodes import Job as Job
from poolwright.nodes import Node as Node
from poolwright.nodes import Pod as Pod
from poolwright.nodes import Taint as Taint
from poolwright.references import REFERENCE_POOL, ClusterRef, GroupRef, PoolRef
from poolwright.verdicts import Busy

if TYPE_CHECKING:  # YAML and msgspec are for those who read environments, not for those who only publish
    from poolwright.environments import Environment

Json = dict[str, Any]


class Missing(Exception):
    """The API says that this does not exist."""


class Stale(Exception):
    """Somebody changed it since we read it: read again, decide again."""


class InUse(Exception):
    """It cannot be deleted, for something needs it; the text says what."""


class Taken(Exception):
    """Something of this name exists already."""


class Weather(Busy):
    """Rate limit, timeout, unavailable: nothing is wrong with the request, come again later."""


class Rejected(Exception):
    """The API will not have this request, as `str()` says in its words. `status` is the canonical code's name
    (https://cloud.google.com/apis/design/errors#error_codes), such as INVALID_ARGUMENT or FAILED_PRECONDITION."""

    def __init__(self, message: str, *, status: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Listed:
    """What an aggregated list gave, and the places (names of zones and regions, `global`) that did not answer: of what
    is there nothing is known. EVERYWHERE is among them where Google does not say which."""

    items: tuple[Json, ...]
    unreachable: frozenset[str] = frozenset()

    EVERYWHERE: ClassVar[str] = "*"

    def __iter__(self) -> Iterator[Json]:
        return iter(self.items)

    def knows(self, place: str) -> bool:
        """Whether what is not among the items is not there."""
        return self.unreachable.isdisjoint((place, self.EVERYWHERE))


class Compute(Protocol):
    """Compute Engine (https://cloud.google.com/compute/docs/reference/rest/v1)."""

    def group(self, ref: GroupRef) -> Json:
        """One instance group manager. Missing."""

    def groups(self, project: str) -> Listed:
        """All zonal instance group managers of a project, of the zones that answer (aggregatedList, all pages)."""

    def members(self, ref: GroupRef) -> list[Json]:
        """Its managed instances (listManagedInstances): instance, currentAction, version, lastAttempt, ..."""

    def template(self, url: str) -> Json:
        """One instance template, global or regional, every field kept. Missing."""

    def templates(self, project: str, *, name_prefix: str) -> list[Json]:
        """Instance templates, global and regional, whose name begins with the prefix, every field kept
        (aggregatedList, all pages). Weather where a region does not answer: the newest may be there."""

    def templates_in_brief(self, project: str) -> Listed:
        """All instance templates of a project, of each only name, description, time, place and disks' images."""

    def disks_in_brief(self, project: str) -> Listed:
        """All disks of a project, of each only name and `sourceImage` (aggregatedList, all pages)."""

    def begin_template(self, project: str, body: Json, *, region: str | None, request_id: str) -> str:
        """Begin to make a template (global, or in `region`); the operation that makes it, empty where one of that name
        is there already, which is fine: our names derive from the content."""

    def finish_template(self, operation: str) -> None:
        """Wait until the template that `begin_template` began is there. Weather."""

    def delete_template(self, url: str, *, request_id: str) -> None:
        """Delete a template, and wait until it is gone; one that is gone already is fine. InUse."""

    def patch_group(self, ref: GroupRef, patch: Json, *, request_id: str) -> None:
        """Patch a group under the fingerprint that `patch` carries, and wait until it is done. Stale."""

    def reservations(self, project: str) -> Listed:
        """All reservations of a project (aggregatedList, all pages)."""

    def reservation(self, project: str, zone: str, name: str) -> Json:
        """One reservation. Missing."""

    def started(self, ref: GroupRef, instance: str) -> float:
        """When the VM of a member was started last, or made, in seconds since the epoch. Missing."""

    def create_instances(self, ref: GroupRef, names: Sequence[str], *, request_id: str) -> None:
        """Members with names of ours, tried once (createInstances). Taken; Rejected; Stale where the group takes no
        names."""

    def errors(self, ref: GroupRef) -> list[Json]:
        """What went wrong with its members lately, also with those that are gone (listErrors): error,
        instanceActionDetails, timestamp."""

    def delete_instances(self, ref: GroupRef, instances: Sequence[str], *, request_id: str) -> None:
        """Delete these members and lower the target (deleteInstances); ones already gone are skipped."""

    def recreate_instances(self, ref: GroupRef, instances: Sequence[str], *, request_id: str) -> None:
        """Delete these members and make them anew under their names, from the group's current template
        (recreateInstances); scheduled when it returns, not done."""

    def boot_disks(self, project: str, *, image: str) -> list[Json]:
        """The disks of a project that were made of this image (aggregatedList, all pages); `image` is its link."""

    def image(self, project: str, name: str) -> Json:
        """One image. Missing."""

    def images(self, project: str, *, family: str) -> list[Json]:
        """Images of a family, newest first."""

    def delete_image(self, project: str, name: str, *, request_id: str) -> None:
        """Delete an image, and wait until it is gone; one that is gone already is fine."""


@dataclass(frozen=True)
class ReservationAffinity:
    """What a pool's VMs consume: `kind` is ANY_RESERVATION, SPECIFIC_RESERVATION or NO_RESERVATION; `values` name the
    specific ones (`NAME` or `projects/P/reservations/NAME`)."""

    kind: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class NodePool:
    """What GKE says of a node pool. `groups` are read each time, never remembered.

    `gpus_per_node` are boards. `sharing` (time-sharing, mps), `clients_per_gpu` and `partition` (as 1g.5gb) are how
    GKE divides them, empty and 0 where it does not. `spot`: Google may take its VMs away (spot, preemptible).
    """

    ref: PoolRef
    status: str
    version: str
    machine_type: str
    accelerators: tuple[str, ...]
    gpus_per_node: int
    labels: Mapping[str, str]
    autoscaling: bool
    groups: tuple[GroupRef, ...]
    image_type: str = ""
    locations: tuple[str, ...] = ()
    status_message: str = ""
    autoprovisioned: bool = False
    taints: tuple[Taint, ...] = ()
    spot: bool = False
    clients_per_gpu: int = 0
    sharing: str = ""
    partition: str = ""
    reservation: ReservationAffinity | None = None
    service_account: str = ""

    @property
    def is_reference(self) -> bool:
        """Whether it is a reference pool of ours: it has no nodes, and no image goes to it."""
        return bool(self.labels.get(REFERENCE_POOL))

    @property
    def takes_boot_images(self) -> bool:
        """Whether our images go to it, unless the environment excludes it."""
        return not self.unfit

    @property
    def unfit(self) -> str:
        """Why no image of ours ever goes to it, whatever the environment says; empty where one may."""
        if self.is_reference:
            return "the reference pool"
        return "" if self.accelerators else "no GPUs"


@dataclass(frozen=True)
class Endpoints:
    """The ways to a control plane. `dns`: its name where that may be used from outside; `public`: whether it has a
    public address; `authorized`: the only networks that may use the addresses, None where any may."""

    dns: str = ""
    public: bool = True
    authorized: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Cluster:
    """What GKE says of a cluster. The node pools of an Autopilot cluster are Google's own: none is named here.
    `notifications`: the topic that it tells of upgrades, empty where none."""

    ref: ClusterRef
    uid: str
    status: str
    autopilot: bool
    pools: tuple[NodePool, ...]
    endpoints: Endpoints = Endpoints()
    notifications: str = ""


class Gke(Protocol):
    """Kubernetes Engine (https://cloud.google.com/kubernetes-engine/docs/reference/rest)."""

    def cluster(self, ref: ClusterRef) -> Cluster:
        """One cluster with its node pools, one call. `ref.project` may be a project number. Missing."""

    def create_pool(self, ref: ClusterRef, body: Json) -> None:
        """Begin to make a node pool; it is there at once, PROVISIONING. Missing; Rejected (ALREADY_EXISTS where the
        name is taken, FAILED_PRECONDITION while GKE runs another operation)."""

    def delete_pool(self, ref: PoolRef) -> None:
        """Begin to delete a node pool; it is STOPPING until it is gone. Missing; Rejected."""


@dataclass(frozen=True)
class Build:
    """A Cloud Build build, as the API confirms it. `created` is in seconds since the epoch; `failure` is Cloud Build's
    own words, empty where there are none."""

    id: str
    project: str
    status: str
    tags: tuple[str, ...]
    substitutions: Mapping[str, str]
    service_account: str
    created: float = 0
    log_url: str = ""
    failure: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self.status not in ("STATUS_UNKNOWN", "PENDING", "QUEUED", "WORKING")


class CloudBuild(Protocol):
    """Cloud Build (https://cloud.google.com/build/docs/api/reference/rest)."""

    def build(self, project: str, location: str, build_id: str) -> Build:
        """One build. Missing."""

    def builds(self, project: str, location: str, *, tags: Sequence[str], since: float) -> list[Build]:
        """Builds that carry all the tags and were made after `since` (seconds since the epoch)."""

    def create(self, project: str, location: str, body: Json) -> Build:
        """Submit a build, as projects.builds#Build. A repeat is another build: Cloud Build knows no request ids.
        Rejected."""

    def cancel(self, project: str, location: str, build_id: str) -> None:
        """Stop a build; one that is over already is fine. Missing."""


class Monitoring(Protocol):
    """Cloud Monitoring (https://cloud.google.com/monitoring/api/ref_v3/rest)."""

    def duty_cycle(self, cluster: ClusterRef, *, metric: str, since: float, until: float) -> dict[str, float]:
        """Newest duty cycle in percent by node name, averaged over the node's GPUs, of points in the interval
        (seconds since the epoch). A node without a point is left out."""


class Kubernetes(Protocol):
    """One cluster's control plane."""

    def nodes(self) -> list[Node]:
        """All nodes."""

    def cordoned_nodes(self) -> list[Node]:
        """The nodes that are closed for pods, whoever closed them."""

    def pods(self) -> list[Pod]:
        """All pods that are not finished."""

    def pods_on(self, node: str) -> list[Pod]:
        """The pods of one node that are not finished."""

    def config_maps(self, namespace: str) -> list[ConfigMap]:
        """All ConfigMaps of a namespace, none where there is no such namespace. Rejected (PERMISSION_DENIED)."""

    def cordon(self, node: str, *, reason: str) -> None:
        """Mark unschedulable, with an annotation that says for what. Missing."""

    def uncordon(self, node: str) -> None:
        """Take that back, annotation too. Missing."""

    def evict(self, pod: Pod) -> bool:
        """Ask for the pod's eviction; False where a disruption budget forbids it now, True where it is on its way
        or gone."""

    def image_pulls(self) -> list[ImagePull]:
        """What the kubelets said of the images that pods needed, as long as the cluster keeps events (an hour)."""

    def jobs(self, namespace: str, *, labels: Mapping[str, str]) -> list[Job]:
        """The Jobs that carry all the labels."""

    def create_job(self, namespace: str, body: Json) -> None:
        """Make a Job; one of that name that is there already is fine, our names derive from what it is for."""

    def delete_job(self, namespace: str, name: str) -> None:
        """Delete a Job with its pods; one that is gone is fine."""

    def provisioners(self) -> list[Json]:
        """All NodeProvisioner objects (none where the CRD is not installed)."""

    def set_provisioner_status(self, name: str, status: Json) -> None:
        """Merge into the status subresource. Missing."""


class Clusters(Protocol):
    """The way from a cluster's name to its control plane."""

    def kubernetes(self, ref: ClusterRef) -> Kubernetes:
        """The cluster's API (through its GKE endpoint and CA)."""


class Publisher(Protocol):
    """Pub/Sub."""

    def publish(self, topic: str, data: bytes, attributes: Mapping[str, str] | None = None) -> str:
        """Publish and wait; the message id. Weather."""

    def publish_all(self, topic: str, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> None:
        """Publish data and attributes of many in as few calls as there can be, and wait. Weather."""


class Webhook(Protocol):
    """An incoming webhook of a chat."""

    def post(self, variable: str, text: str) -> None:
        """Post to the URL that the environment variable holds. Weather, Refused."""


class SignIn(Protocol):
    """Whoever vouches for the person who looks at the status page."""

    def who(self, headers: Mapping[str, str]) -> str:
        """The person's email, by the request's headers (lower-case names). Refused where nobody vouches."""


class Conflict(Exception):
    """The document is no longer at the version that was read (or exists already)."""


@dataclass(frozen=True)
class Stored:
    """A document of our store; `written` grows with each write of its collection."""

    key: str
    version: int
    body: Json
    written: int = 0


class Store(Protocol):
    """Intent and progress, as JSON documents in named collections; every write is conditional."""

    def get(self, collection: str, key: str) -> Stored | None:
        """One document."""

    def put(self, collection: str, key: str, body: Json, *, version: int | None) -> int:
        """Write if the document is still at `version` (None: does not exist yet); the new version. Conflict."""

    def delete(self, collection: str, key: str, *, version: int) -> None:
        """Delete if still at `version`. Conflict."""

    def all(self, collection: str) -> list[Stored]:
        """Every document of a collection, by key."""

    def beginning(self, collection: str, prefix: str) -> list[Stored]:
        """The documents of a collection whose keys begin with `prefix`, by key."""

    def newest(self, collection: str, *, most: int, before: int = 0) -> list[Stored]:
        """The documents of a collection that were written last, the latest first, at most so many; of those that were
        written before `before` (`Stored.written`), of all where it is 0."""


class Clock(Protocol):
    """Where services get the time and ids, so that tests can say which."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def unique(self) -> str:
        """An id nobody else has."""


@dataclass(frozen=True)
class Ports:
    """Everything outside, as the bootstrap put it together. Adapters are made when first used."""

    environments: tuple[Environment, ...]
    store: Store
    publisher: Publisher
    compute: Compute
    gke: Gke
    cloud_build: CloudBuild
    monitoring: Monitoring
    clusters: Clusters
    clock: Clock
    webhook: Webhook
    work_topic: str = "work"
    notifications_topic: str = "notifications"
    dead_letter_topic: str = "dead-letter"
    build_configs: Path = Path("cloudbuild")
