"""Whether each control plane can be reached: from here, and by the functions.

https://cloud.google.com/kubernetes-engine/docs/concepts/network-isolation
"""

from __future__ import annotations

from collections.abc import Iterator

from poolwright.services.doctor.findings import Finding, Says, Unknown
from poolwright.services.doctor.observing import ME
from poolwright.services.doctor.sight import ClusterSeen, Sight

says = Says("network path")


def check(sight: Sight) -> Iterator[Finding]:
    """Of every cluster that GKE knows; one that it does not is the environment file's matter."""
    for cluster in sight.clusters:
        if isinstance(cluster.gke, Unknown):
            if not cluster.gke.absent:
                yield says.unknown(cluster.ref.name, cluster.gke)
            continue
        found = [*_from_here(cluster), *_from_functions(sight, cluster), *_rights(cluster)]
        version = cluster.inside.version
        ok = f"answers from here ({version})" if isinstance(version, str) else ""
        yield from says.or_ok(found, cluster.ref.name, ok)


def _from_here(cluster: ClusterSeen) -> Iterator[Finding]:
    version = cluster.inside.version
    if not isinstance(version, Unknown):
        return
    place = f"--location {cluster.ref.location} --project {cluster.ref.project}"
    describe = (
        f"gcloud container clusters describe {cluster.ref.name} {place} --format 'yaml(controlPlaneEndpointsConfig)'"
    )
    what = f"its control plane does not answer from here: {version.why}"
    yield says.problem(cluster.ref.name, what, f"See whether this machine's network may reach it: {describe}")


def _from_functions(sight: Sight, cluster: ClusterSeen) -> Iterator[Finding]:
    """The functions leave from Google's addresses, or through a connector into the VPC."""
    assert not isinstance(cluster.gke, Unknown)
    ways, step = cluster.gke.endpoints, sight.function("step")
    if step is None or ways.dns or step.get("serviceConfig", {}).get("vpcConnector"):
        return
    todo = (
        f"Set vpc_connector in Terraform, or: gcloud container clusters update {cluster.ref.name} "
        f"--location {cluster.ref.location} --enable-dns-access"
    )
    if not ways.public:
        yield says.problem(
            cluster.ref.name, "it has no public address, and the functions have no way into its network", todo
        )
    elif ways.authorized is not None:
        networks = ", ".join(ways.authorized) or "none"
        what = f"only authorized networks may reach it ({networks}), and the functions have no fixed address"
        yield says.problem(cluster.ref.name, what, todo)


def _rights(cluster: ClusterSeen) -> Iterator[Finding]:
    for (who, what), may in cluster.inside.reviews.items():
        if isinstance(may, Unknown):
            yield says.unknown(cluster.ref.name, Unknown(f"whether {_called(who)} may {what}: {may.why}", may.to_do))
        elif not may and who == ME:
            yield says.warning(
                cluster.ref.name, f"you may not {what}", "Ask for the role poolwright-viewer in the cluster"
            )
        elif not may:
            yield says.problem(
                cluster.ref.name, f"{_called(who)} may not {what}", "kubectl apply -k manifests (docs/provisioners.md)"
            )


def _called(who: str) -> str:
    return f"function {who}" if who else "you"
