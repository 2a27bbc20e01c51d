"""The reference pool of an environment: made without nodes, looked at, taken away. Each call is one step: what is so is
read from GKE, so whoever stopped in between calls again.

A caller that wants it finished repeats `create` or `delete` until the status says `done`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from poolwright.boot_images.changes import Change
from poolwright.boot_images.image import BootImage, why_unusable
from poolwright.boot_images.resources import InstanceGroup, InstanceTemplate
from poolwright.builds import metadata, reference_pool
from poolwright.builds.source import SourceImage
from poolwright.entries import Entry
from poolwright.references import ClusterRef, PoolRef, last_part
from poolwright.services import intents, leases, runs, stop
from poolwright.services.ports import Missing, NodePool, Ports, Rejected
from poolwright.verdicts import Busy, Refused

if TYPE_CHECKING:
    from poolwright.environments import Environment, ReferencePool

State = Literal["absent", "creating", "ready", "busy", "deleting", "failed"]
_STATES: Mapping[str, State] = {
    "PROVISIONING": "creating",
    "RUNNING": "ready",
    "RUNNING_WITH_ERROR": "ready",  # what is wrong is with nodes, and it has none
    "RECONCILING": "busy",
    "STOPPING": "deleting",
    "ERROR": "failed",
}


class Status(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The pool as GKE has it after a step. `done`: nothing more comes of calling again."""

    pool: str
    state: State
    done: bool
    sentence: str


class Check(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What GKE makes nodes of now (`used`, an image's name, and `link`, its partial URL), what the environment file
    names (empty for nothing) and what the newest boot image was built on (`run_id` 0: there is none). `agrees`: no
    build is due; `sentences` say what differs."""

    pool: str
    node_version: str
    used: str
    link: str
    expected: str
    run_id: int
    boot_image: str
    built_on: str
    agrees: bool
    sentences: tuple[str, ...]


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """`files`: relative path -> content, fit to be kept; `changes`: what differs from the files that were there."""

    files: dict[str, str]
    changes: tuple[Change, ...]
    first: bool


def create(ports: Ports, environment: Environment, *, cause: str, requester: str = "") -> Status:
    """One step towards a pool that can be looked at. Refused where another's pool has its name, Busy, Weather."""
    wanted = _wanted(environment)
    _may_write(ports, environment)
    with leases.alone(ports, f"reference/{environment.name}"):
        pool = _find(ports, environment, wanted)
        _complete(ports, environment, wanted, pool)
        if pool is None:
            return _begin(ports, environment, wanted, "create", cause=cause, requester=requester)
        _expect_equal(environment, wanted, pool)
        return _status(pool, done=pool.status in ("RUNNING", "RUNNING_WITH_ERROR"))


def delete(ports: Ports, environment: Environment, *, cause: str, requester: str = "") -> Status:
    """One step towards its absence; only a pool of ours is ever deleted. Refused, Busy, Weather."""
    wanted = _wanted(environment)
    _may_write(ports, environment)
    with leases.alone(ports, f"reference/{environment.name}"):
        pool = _find(ports, environment, wanted)
        _complete(ports, environment, wanted, pool)
        if pool is None:
            sentence = f"{reference_pool.NAME} is not there"
            return Status(pool=str(_ref(environment, wanted)), state="absent", done=True, sentence=sentence)
        if pool.status in ("STOPPING", "PROVISIONING", "RECONCILING"):
            return _status(pool, done=False)
        return _begin(ports, environment, wanted, "delete", cause=cause, requester=requester)


def check(ports: Ports, environment: Environment) -> Check:
    """Compare. Refused where there is no pool to look at, Busy while GKE is at work on it, Weather."""
    wanted = _wanted(environment)
    pool, template = _template(ports, environment, wanted)
    source = SourceImage.parse(template.source_image)
    newest = _newest(ports, environment)
    expected = last_part(environment.source_image.image)
    sentences = []
    if expected and expected != source.name:
        sentences.append(f"environments/{environment.name}.yaml names {expected}; GKE uses {source.name}.")
    if newest is None:
        sentences.append(f"{environment.name} has no boot image yet; build one on {source.name}.")
    elif newest.source_image != source.name:
        sentences.append(
            f"The newest boot image, {newest.name}, was built on {newest.source_image}; build one on {source.name}."
        )
    return Check(
        pool=str(pool.ref),
        node_version=pool.version,
        used=source.name,
        link=source.link,
        expected=expected,
        run_id=newest.run_id if newest else 0,
        boot_image=newest.name if newest else "",
        built_on=newest.source_image if newest else "",
        agrees=not sentences,
        sentences=tuple(sentences),
    )


def source_image(ports: Ports, environment: Environment) -> str:
    """The partial URL of the image that GKE makes nodes of now. Refused, Busy, Weather."""
    _, template = _template(ports, environment, _wanted(environment))
    return SourceImage.parse(template.source_image).link


def fetch(ports: Ports, environment: Environment, *, before: Mapping[str, str]) -> Fetched:
    """The metadata of GKE's template as files without secrets, and what changed since `before` (what an earlier fetch
    gave, or nothing). Refused, Busy, Weather."""
    _, template = _template(ports, environment, _wanted(environment))
    files = metadata.files(template)
    return Fetched(files=files, changes=metadata.changes(before, files), first=not before)


def _wanted(environment: Environment) -> ReferencePool:
    wanted = environment.source_image.reference_pool
    file = f"environments/{environment.name}.yaml"
    if wanted is None:
        remedy = f"Add it to {file}: cluster, machineType, accelerator, zone"
        raise Refused("sourceImage.referencePool", f"{environment.name} describes no reference pool", remedy)
    if wanted.cluster not in (known := [place.name for place in environment.clusters]):
        problem = f"{environment.name} has no cluster {wanted.cluster}"
        raise Refused("sourceImage.referencePool.cluster", problem, f"Use one of these in {file}: {', '.join(known)}")
    return wanted


def _may_write(ports: Ports, environment: Environment) -> None:
    if why := stop.stopped(ports):
        raise Refused("stop", why, "No node pool is made or deleted until then")
    if environment.mode == "observe":
        remedy = f"Set mode to offer or act in environments/{environment.name}.yaml"
        raise Refused("mode", f"{environment.name} is only observed, so no node pool is made or deleted", remedy)


def _cluster(environment: Environment, wanted: ReferencePool) -> ClusterRef:
    return next(ref for ref in environment.cluster_refs() if ref.name == wanted.cluster)


def _ref(environment: Environment, wanted: ReferencePool) -> PoolRef:
    return PoolRef(_cluster(environment, wanted), reference_pool.NAME)


def _find(ports: Ports, environment: Environment, wanted: ReferencePool) -> NodePool | None:
    """The pool, if it is there. Refused where it is another's."""
    ref = _ref(environment, wanted)
    try:
        cluster = ports.gke.cluster(ref.cluster)
    except Missing:
        remedy = f"Correct clusters in environments/{environment.name}.yaml"
        raise Refused("sourceImage.referencePool.cluster", f"GKE knows no {ref.cluster}", remedy) from None
    pool = next((each for each in cluster.pools if each.ref.name == ref.name), None)
    if pool is not None and not reference_pool.is_of(pool.labels, environment.name):
        problem = f"node pool {ref.name} of {ref.cluster.name} is not the reference pool of {environment.name}"
        raise Refused("sourceImage.referencePool", problem, "It is left alone; give it another name, or remove it")
    return pool


def _expect_equal(environment: Environment, wanted: ReferencePool, pool: NodePool) -> None:
    differing = reference_pool.differences(
        wanted,
        machine_type=pool.machine_type,
        image_type=pool.image_type,
        accelerators=pool.accelerators,
        gpus_per_node=pool.gpus_per_node,
        locations=pool.locations,
    )
    if differing and pool.status != "STOPPING":
        remedy = f"Delete it first: poolwright reference delete --env {environment.name}"
        raise Refused("sourceImage.referencePool", f"{pool.ref.name} has {'; '.join(differing)}", remedy)
    if pool.status == "ERROR":
        remedy = f"Delete it, and create it again: poolwright reference delete --env {environment.name}"
        raise Refused("sourceImage.referencePool", f"GKE could not make {pool.ref.name}: {pool.status_message}", remedy)


def _begin(
    ports: Ports,
    environment: Environment,
    wanted: ReferencePool,
    action: Literal["create", "delete"],
    *,
    cause: str,
    requester: str,
) -> Status:
    ref = _ref(environment, wanted)
    facts: dict[str, Any] = {"kind": "reference pool", "subject": str(ref), "environment": environment.name}
    facts |= {"cause": cause, "requester": requester, "after": "there" if action == "create" else "gone"}
    now, once = ports.clock.now(), f"{action} {ports.clock.unique()}"
    decision = Entry(what=f"{action} it", at=now, once=f"{once} decided", **facts)
    effect = Entry(what=f"GKE began to {action} it", at=now, once=f"{once} done", **facts)
    begun = intents.begin(ports, intents.Intent(decision=decision, effect=effect), happened=lambda left: False)
    try:
        if action == "create":
            ports.gke.create_pool(ref.cluster, reference_pool.body(wanted, environment=environment.name))
        else:
            ports.gke.delete_pool(ref)
    except Missing:  # deleted meanwhile, or the cluster is: the next look says which
        pass
    except Rejected as refused:
        intents.complete(ports, str(ref), happened=lambda left: False)
        if refused.status in ("FAILED_PRECONDITION", "ALREADY_EXISTS"):
            raise Busy(f"GKE is at work on {wanted.cluster}: {refused}") from None
        remedy = f"Correct sourceImage.referencePool in environments/{environment.name}.yaml"
        raise Refused("sourceImage.referencePool", f"GKE does not {action} it: {refused}", remedy) from None
    intents.end(ports, begun)
    state: State = "creating" if action == "create" else "deleting"
    return Status(pool=str(ref), state=state, done=False, sentence=f"GKE is {state} {ref.name}")


def _complete(ports: Ports, environment: Environment, wanted: ReferencePool, pool: NodePool | None) -> None:
    """Record to its end what somebody began and left."""
    now = "there" if pool is not None and pool.status != "STOPPING" else "gone"
    intents.complete(ports, str(_ref(environment, wanted)), happened=lambda left: left.effect.after == now)


def _status(pool: NodePool, *, done: bool) -> Status:
    why = f": {pool.status_message}" if pool.status_message else ""
    state = _STATES.get(pool.status, "busy")
    return Status(pool=str(pool.ref), state=state, done=done, sentence=f"{pool.ref.name} is {pool.status}{why}")


def _template(ports: Ports, environment: Environment, wanted: ReferencePool) -> tuple[NodePool, InstanceTemplate]:
    """The pool, and the template that GKE made for it. Refused, Busy."""
    pool = _find(ports, environment, wanted)
    if pool is None:
        remedy = f"Create it first: poolwright reference create --env {environment.name}"
        raise Refused("sourceImage.referencePool", f"{environment.name} has no reference pool", remedy)
    _expect_equal(environment, wanted, pool)
    if pool.status in ("PROVISIONING", "STOPPING", "RECONCILING") or not pool.groups:
        raise Busy(f"GKE is working on {pool.ref.name} ({pool.status})")
    group = InstanceGroup(ports.compute.group(pool.groups[0]))
    return pool, InstanceTemplate(ports.compute.template(group.templates[0]))


def _newest(ports: Ports, environment: Environment) -> BootImage | None:
    """The newest boot image that can be rolled out."""
    found = []
    for raw in ports.compute.images(environment.project, family=environment.image_family):
        try:
            found.append(BootImage.read(raw))
        except ValueError:  # nobody's
            continue
    in_vain = runs.in_vain(ports, environment.name)
    for image in sorted(found, key=lambda each: each.run_id, reverse=True):
        if image.run_id not in in_vain and not why_unusable(image, environment=environment.name):
            return image
    return None
