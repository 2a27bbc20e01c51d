"""Whether each NodeProvisioner can be followed, and alerts name the ones that are there."""

from __future__ import annotations

from collections.abc import Iterator

from poolwright.capacity import observing
from poolwright.capacity.provisioner import BadProvisioner, Provisioner, decode
from poolwright.references import ClusterRef
from poolwright.services import second_masters
from poolwright.services.doctor.findings import Finding, Says, Unknown
from poolwright.services.doctor.sight import ClusterSeen, Sight
from poolwright.services.ports import Cluster, Json

says = Says("provisioners")
VERSION = "v1alpha1"
# Where a policy names its provisioner, as an incident repeats it (events/incident.py).
_NAME, _CLUSTER, _LOCATION = "poolwright_provisioner", "poolwright_cluster", "poolwright_location"


def check(sight: Sight) -> Iterator[Finding]:
    """Cluster by cluster, then policies that name nothing."""
    for cluster in sight.clusters:
        if not isinstance(cluster.gke, Unknown) and not isinstance(cluster.inside.version, Unknown):
            found = [*_definition(cluster), *_provisioners(sight, cluster, cluster.gke)]
            yield from says.or_ok(found, cluster.ref.name, "its NodeProvisioners can be followed")
    for project in sight.fleets:
        yield from says.or_ok(_policies(sight, project), project, "alert policies and provisioners agree")


def _definition(cluster: ClusterSeen) -> Iterator[Finding]:
    versions, where = cluster.inside.versions, cluster.ref.name
    if isinstance(versions, Unknown):
        yield says.unknown(where, versions)
    elif not versions:
        what = "NodeProvisioner is not installed in it: no capacity is managed there"
        yield says.warning(where, what, "kubectl apply -k manifests/example (docs/provisioners.md)")
    elif VERSION not in versions:
        what = f"it serves NodeProvisioner as {', '.join(versions)}, and poolwright speaks {VERSION}"
        yield says.problem(where, what, "Install the definition of this release: docs/provisioners.md")


def _provisioners(sight: Sight, cluster: ClusterSeen, gke: Cluster) -> Iterator[Finding]:
    bodies = cluster.inside.provisioners
    if isinstance(bodies, Unknown):
        yield says.unknown(cluster.ref.name, bodies)
        return
    for body in bodies:
        where = f"{cluster.ref.name}/{body['metadata']['name']}"
        try:
            yield from _one(where, decode(body), gke, bodies)
        except BadProvisioner as wrong:
            yield says.problem(where, str(wrong), "docs/provisioners.md")


def _one(where: str, provisioner: Provisioner, gke: Cluster, everybody: list[Json]) -> Iterator[Finding]:
    groups = [group for pool in gke.pools for group in pool.groups]
    _, wrong = observing.resolve(provisioner.spec.existing_instance_group_names, groups)
    if wrong:
        yield says.problem(where, wrong, f"kubectl edit nodeprovisioner {provisioner.name}")
    if why := second_masters.refusal(provisioner, gke, everybody):
        what, _, todo = why.rpartition("; ") if "; " in why else (why, "", "docs/provisioners.md")
        yield says.problem(where, what, todo)


def _policies(sight: Sight, project: str) -> Iterator[Finding]:
    policies = sight.fleets[project].alerts
    if isinstance(policies, Unknown):
        yield says.unknown(project, policies)
        return
    known = [cluster for cluster in sight.clusters if not isinstance(cluster.inside.provisioners, Unknown)]
    there = {(cluster.ref, name) for cluster in known for name in _names(cluster)}
    named: set[tuple[ClusterRef, str]] = set()
    for policy in policies:
        if _NAME in (labels := policy.get("userLabels", {})):
            ref = ClusterRef(project, labels.get(_LOCATION, ""), labels.get(_CLUSTER, ""))
            named.add((ref, labels[_NAME]))
            is_known = ref in {cluster.ref for cluster in known}
            yield from _policy(policy, "" if not is_known or (ref, labels[_NAME]) in there else ref.name)
    for ref, name in sorted(there - named):
        if ref.project == project:
            what = "no alert policy names it: it is looked at by the tick alone"
            yield says.warning(f"{ref.name}/{name}", what, "Add it to module gpu-alerts (docs/provisioners.md)")


def _policy(policy: Json, lacking: str) -> Iterator[Finding]:
    """`lacking`: the cluster that does not have the provisioner which it names, empty where it does."""
    where = f"alert policy {policy.get('displayName', policy['name'])}"
    if lacking:
        what = f"it names NodeProvisioner {policy['userLabels'][_NAME]}, which {lacking} does not have"
        yield says.warning(where, what, "Correct its user labels, or terraform apply module gpu-alerts")
    elif policy.get("enabled") is False:
        yield says.warning(where, "it is disabled", f"gcloud monitoring policies update {policy['name']} --enabled")
    elif not policy.get("notificationChannels"):
        what = "it has no notification channel: nobody hears of it"
        yield says.problem(where, what, "terraform apply module gpu-alerts")


def _names(cluster: ClusterSeen) -> Iterator[str]:
    if not isinstance(cluster.inside.provisioners, Unknown):
        yield from (body["metadata"]["name"] for body in cluster.inside.provisioners)
