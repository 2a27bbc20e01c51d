"""Which permissions whom is to have, and how a policy tells
(https://cloud.google.com/iam/docs/reference/rest/v1/Policy)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from poolwright.services.ports import Json

# Without these a function can do none of its work. All that each has: terraform/modules/poolwright/permissions.yaml.
FUNCTIONS = {
    "image_built": frozenset({"cloudbuild.builds.get", "compute.images.get", "container.clusters.get"}),
    "node_pool_changed": frozenset({"container.clusters.get"}),
    "rollout_command": frozenset({"compute.images.list", "container.clusters.get"}),
    "step": frozenset(
        {
            "compute.disks.create", "compute.images.useReadOnly", "compute.instanceGroupManagers.get",
            "compute.instanceGroupManagers.update", "compute.instanceTemplates.create",
            "compute.instanceTemplates.get", "compute.instanceTemplates.list", "compute.instances.create",
            "compute.subnetworks.use", "container.clusters.get", "monitoring.timeSeries.list",
        }
    ),
    "tick": frozenset(
        {"compute.instanceGroupManagers.list", "compute.instanceTemplates.list", "container.clusters.get"}
    ),
}  # fmt: skip
# The front of a DNS-based endpoint lets only those through who may connect
# (https://cloud.google.com/kubernetes-engine/docs/concepts/network-isolation#dns-based_endpoint).
CONNECT = frozenset({"container.clusters.connect"})
IN_CLUSTERS = ("step", "tick")

# What commands need of a person: in the project of the fleet, and in ours.
PERSON_FLEET = {
    "container.clusters.get": "roles/container.clusterViewer",
    "compute.instanceGroupManagers.list": "roles/compute.viewer",
    "compute.instanceTemplates.list": "roles/compute.viewer",
    "compute.images.list": "roles/compute.viewer",
}
PERSON_OWN = {
    "pubsub.topics.publish": "roles/pubsub.publisher",
    "datastore.entities.get": "roles/datastore.viewer",
    "datastore.entities.list": "roles/datastore.viewer",
}
AS_NODES, AS_BUILDER = ("step",), ("step", "tick")  # functions that hand Google a service account to run as
ACT_AS = frozenset({"roles/iam.serviceAccountUser", "roles/owner", "roles/editor"})
PUBLISH = frozenset(
    {"roles/pubsub.publisher", "roles/pubsub.editor", "roles/pubsub.admin", "roles/owner", "roles/editor"}
)
# Whose VMs' boot images can be read: https://cloud.google.com/compute/docs/images/managing-access-custom-images
READ_IMAGES = frozenset(
    {"roles/compute.imageUser", "roles/compute.instanceAdmin.v1", "roles/compute.admin", "roles/owner", "roles/editor"}
)
_EVERYTHING = frozenset({"roles/owner", "roles/editor"})


@dataclass(frozen=True)
class Granted:
    """What somebody's roles come to. `unread`: roles whose permissions are not known here; `all`: owner or editor."""

    permissions: frozenset[str]
    unread: tuple[str, ...]
    all: bool

    def lacks(self, wanted: Collection[str]) -> list[str]:
        """Those of the permissions that no role brings."""
        return [] if self.all else sorted(set(wanted) - self.permissions)


def roles_of(policy: Json, email: str) -> Iterator[str]:
    """The roles that a policy gives a service account, under whatever condition."""
    for binding in policy.get("bindings", []):
        if f"serviceAccount:{email}" in binding.get("members", []):
            yield binding["role"]


def publishers(policy: Json) -> Iterator[str]:
    """Members who may publish to a topic, by its own policy."""
    for binding in policy.get("bindings", []):
        if binding["role"] in PUBLISH:
            yield from binding["members"]


def granted(policy: Json, email: str, roles: dict[str, frozenset[str]]) -> Granted:
    """`roles`: the project's own, with their permissions."""
    found = list(roles_of(policy, email))
    permissions = frozenset[str]().union(*(roles.get(role, frozenset()) for role in found))
    return Granted(permissions, tuple(role for role in found if role not in roles), not _EVERYTHING.isdisjoint(found))
