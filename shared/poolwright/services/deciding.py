"""What becomes of many instance groups: each one's own decision (services/mutate_group.py), from pages of lists."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from poolwright.boot_images import gke_template
from poolwright.boot_images.image import BootImage
from poolwright.boot_images.mutation import run_id_of
from poolwright.boot_images.outcomes import AlreadyRight, Mutation, Refusal
from poolwright.boot_images.resources import InstanceTemplate
from poolwright.references import ClusterRef, last_part
from poolwright.services import drift, fleet, mutate_group
from poolwright.services.fleet import Member
from poolwright.services.ports import Missing, Ports

if TYPE_CHECKING:
    from poolwright.environments import Environment


@dataclass(frozen=True)
class Unseen:
    """Nothing can be decided now; `reason` is a sentence for people."""

    kind: Literal["unknown", "missing"]
    reason: str


class Deciding:
    """Decides for one group after another. Templates are listed once for each cluster, in pages. Makes no write."""

    def __init__(self, ports: Ports, environment: Environment, image: BootImage) -> None:
        self._ports = ports
        self._environment = environment
        self._image = image
        self._templates: dict[ClusterRef, list[InstanceTemplate]] = {}

    def __call__(self, member: Member) -> AlreadyRight | Mutation | Refusal | Unseen:
        """Weather."""
        rule = self._environment.exclude.excludes(
            pool=member.pool.ref.name,
            machine_type=member.pool.machine_type,
            accelerators=member.pool.accelerators,
            labels=member.pool.labels,
        )
        if rule:
            return Refusal("excluded", f"{member.ref.name} is left alone: {rule}.")
        if member.group is None or not member.group.templates:
            return Unseen("unknown", member.absence or "The group points at no template.")
        templates = self._of_cluster(member)
        own = self._own(member.group.templates[0], templates)
        if own is None:
            return Unseen("missing", "The template that the group points at is gone.")
        gke = gke_template.current(own=own, templates=templates, pool=member.pool.ref, cluster_uid=member.cluster.uid)
        return mutate_group.decide(self._environment, member.group, own, gke, self._image)

    def _of_cluster(self, member: Member) -> list[InstanceTemplate]:
        ref = member.cluster.ref
        if ref not in self._templates:
            prefix = gke_template.name_prefix(member.pool.ref)  # the same for all pools of a cluster
            found = self._ports.compute.templates(self._environment.project, name_prefix=prefix)
            self._templates[ref] = [InstanceTemplate(raw) for raw in found]
        return self._templates[ref]

    def _own(self, link: str, templates: Iterable[InstanceTemplate]) -> InstanceTemplate | None:
        for template in templates:
            if template.name == last_part(link) and f"/{template.region or 'global'}/" in f"/{link}":
                return template
        try:
            return InstanceTemplate(self._ports.compute.template(link))
        except Missing:
            return None


def right_already(ports: Ports, environment: Environment, image: BootImage, among: Collection[str]) -> set[str]:
    """Those of these groups with which a rollout of the image would do nothing: each points at the template that the
    image implies, made from GKE's current one, and, where nodes are replaced, has no member from another template.
    What is not sure is not among them: GKE is working on the pool, a zone does not answer.

    Calls: one a cluster, one (in pages) for all groups, and, of clusters in which some group is on a template of this
    run, one (in pages) a cluster for its templates. Weather.
    """
    decide = Deciding(ports, environment, image)
    return {
        str(member.ref)
        for member in fleet.look(ports, environment).members()
        if str(member.ref) in among and _may_be_right(environment, member, image)
        if isinstance(decide(member), AlreadyRight)
    }


def _may_be_right(environment: Environment, member: Member, image: BootImage) -> bool:
    """By what the lists of groups and clusters say."""
    if member.group is None or member.pool.status in mutate_group.GKE_IS_AT_IT:
        return False
    if {run_id_of(last_part(each)) for each in member.group.templates} != {image.run_id}:
        return False
    return environment.rollout.node_policy != "replace" or not drift.may_have(member.group.raw)
