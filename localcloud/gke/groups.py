"""The managed instance groups behind a pool, and the templates GKE issues for them: one of each a zone.

A new group's template shares the group's hash; every later template has a hash of its own, as GKE's have
(`gke-c-pool-d8f96253-grp` with the template `gke-c-pool-31a27d4b` after an update). Long names are cut:
32 characters of cluster and pool together, 16 of either at least (sources: docs/designs/which-template-is-gkes.md).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from localcloud.compute import Compute
from localcloud.errors import GoogleError
from localcloud.gke import names, secrets
from localcloud.gke.facts import PoolFacts
from localcloud.gke.state import State
from localcloud.gke.templates import template

Json = dict[str, Any]

KEPT = 32


class Groups:
    """Makes, points, sizes and removes groups through Compute."""

    def __init__(self, state: State, compute: Compute) -> None:
        self._state = state
        self._world = state.world
        self._compute = compute

    def make(self, pool: Json, zone: str, size: int, *, color: str = "") -> Json:
        """A new group of a pool in a zone, with its first template."""
        digits = self._hash()
        base = self._base(pool)
        group: Json = {"zone": zone, "name": f"{base}-{digits}-grp", "template": "", "color": color}
        group["template"] = self._issue(pool, zone, f"{base}-{digits}")
        self._compute.insert_instance_group_manager(zone, {
            "name": group["name"],
            "baseInstanceName": f"{base}-{digits}",
            "instanceTemplate": self._template_link(pool, group),
            "targetSize": size,
            "updatePolicy": {"type": "OPPORTUNISTIC", "minimalAction": "REPLACE"},
        })  # fmt: skip
        pool["_groups"].append(group)
        return group

    def renew(self, pool: Json) -> list[str]:
        """New templates for all groups of a pool, which are pointed at them; gives the names of the former ones."""
        former = []
        for group in pool["_groups"]:
            former.append(group["template"])
            group["template"] = self._issue(pool, group["zone"], f"{self._base(pool)}-{self._hash()}")
            link = self._template_link(pool, group)
            body = {"instanceTemplate": link, "versions": [{"instanceTemplate": link}]}
            self._compute.patch_instance_group_manager(group["zone"], group["name"], body)
        return former

    def retire(self, pool: Json, templates: list[str]) -> None:
        """Delete templates that GKE issued and that nothing names any more."""
        for name in templates:
            if not self._named(name):
                self._world.table("compute.instanceTemplates").pop(self._template_path(pool, name), None)

    def remove(self, pool: Json, group: Json) -> None:
        """A group with its VMs and GKE's template."""
        try:
            self._compute.delete_instance_group_manager(group["zone"], group["name"])
        except GoogleError as gone:
            if gone.status != "NOT_FOUND":
                raise
        pool["_groups"].remove(group)

    def size(self, group: Json) -> int:
        """The group's target size; 0 if somebody deleted it."""
        try:
            return int(self._compute.group(group["zone"], group["name"])["targetSize"])
        except GoogleError:
            return 0

    def resize(self, group: Json, size: int) -> None:
        """A new target size."""
        self._compute.resize(group["zone"], group["name"], size)

    def instances(self, group: Json) -> list[Json]:
        """The group's VMs."""
        return [each for each in self._compute.instances_of(group["zone"], group["name"]) if each]

    def delete_member(self, group: Json, name: str) -> None:
        """One VM out of its group, whose target shrinks; already gone is well too."""
        self._compute.delete_instances(group["zone"], group["name"], [name])

    def trouble(self, pool: Json) -> str:
        """What keeps members from being made, in Compute's words, or nothing."""
        project = names.of_path(pool["_path"]).project
        members = self._world.table("compute.managedInstances")
        for group in pool["_groups"]:
            path = f"projects/{project}/zones/{group['zone']}/instanceGroupManagers/{group['name']}"
            for name, member in members.get(path, {}).items():
                for error in member.get("errors", []):
                    return f"[{_category(error)}]: Instance '{name}' creation failed: {error.get('message', '')}"
        return ""

    def _issue(self, pool: Json, zone: str, name: str) -> str:
        project = names.of_path(pool["_path"]).project
        self._compute.insert_instance_template(template(self.facts(pool, zone), name=name, project=project))
        return name

    def facts(self, pool: Json, zone: str) -> PoolFacts:
        """What a template of this pool in this zone is made from, now."""
        cluster = self._state.cluster_of(pool)
        dice = self._world.simulation.random
        kept = self._state.secrets
        if cluster["_path"] not in kept:
            kept[cluster["_path"]] = secrets.of_cluster(dice)
        if pool["_path"] not in kept:
            kept[pool["_path"]] = secrets.of_pool(dice)
        moment = datetime.fromtimestamp(self._world.simulation.now(), UTC)
        return PoolFacts(
            cluster=cluster,
            pool=pool,
            pool_path=pool["_path"],
            zone=zone,
            secrets=kept[cluster["_path"]] | kept[pool["_path"]],
            uid=cluster["id"],
            issued_at=f"{moment:%Y-%m-%dT%H:%M:%S}+00:00",
        )

    def _base(self, pool: Json) -> str:
        target = names.of_path(pool["_path"])
        cluster, name = target.cluster, target.pool
        if len(cluster) + len(name) > KEPT:
            cluster = cluster[: max(KEPT // 2, KEPT - len(name))]
            name = name[: max(KEPT // 2, KEPT - len(cluster))]
        return f"gke-{cluster}-{name}"

    def _hash(self) -> str:
        return f"{self._world.simulation.random.getrandbits(32):08x}"

    def _template_path(self, pool: Json, name: str) -> str:
        return f"projects/{names.of_path(pool['_path']).project}/global/instanceTemplates/{name}"

    def _template_link(self, pool: Json, group: Json) -> str:
        return names.COMPUTE_ROOT + self._template_path(pool, group["template"])

    def _named(self, template_name: str) -> bool:
        managers = self._world.table("compute.instanceGroupManagers").values()
        links = (version["instanceTemplate"] for each in managers for version in each["versions"])
        return any(link.endswith(f"/{template_name}") for link in links)


def _category(error: Json) -> str:
    code = str(error.get("code", ""))
    if "EXHAUSTED" in code:
        return "GCE_STOCKOUT"
    return "GCE_QUOTA_EXCEEDED" if "QUOTA" in code else "GCE_ERROR"
