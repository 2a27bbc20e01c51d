"""Whether environment files can be used, and whether what they name is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from poolwright.boot_images.image import RUN_ID
from poolwright.references import last_part
from poolwright.services.doctor.findings import Finding, Says, Unknown
from poolwright.services.doctor.sight import ClusterSeen, Sight
from poolwright.services.ports import NodePool

if TYPE_CHECKING:
    from poolwright.environments import Environment

says = Says("environment files")


def check(sight: Sight) -> Iterator[Finding]:
    """Files, then what each environment names."""
    for problem in sight.files:
        where, _, what = problem.partition(": ")
        yield says.problem(where, what, "docs/environments.md")
    for each in sight.environments:
        found = [*_clusters(sight, each), *_reference(sight, each), *_pin(sight, each), *_webhook(sight, each)]
        found += [*_exclusions(sight, each), *_reservations(sight, each)]
        yield from says.or_ok(found, each.name, "its clusters, pools and images are there")


def _file(environment: Environment) -> str:
    return f"environments/{environment.name}.yaml"


def _clusters(sight: Sight, environment: Environment) -> Iterator[Finding]:
    for cluster in sight.of(environment):
        if isinstance(cluster.gke, Unknown):
            if cluster.gke.absent:
                what = f"GKE knows no {cluster.ref}"
                yield says.problem(environment.name, what, f"Correct {_file(environment)}, or take the cluster out")
            else:
                yield says.unknown(str(cluster.ref), cluster.gke)
        elif cluster.gke.autopilot:
            what = f"{cluster.ref.name} is an Autopilot cluster, whose nodes are Google's own"
            yield says.problem(environment.name, what, f"Take it out of {_file(environment)}")


def _reference(sight: Sight, environment: Environment) -> Iterator[Finding]:
    pool = environment.source_image.reference_pool
    if pool is None:
        return
    for cluster in sight.of(environment):
        place = cluster.ref.location
        if cluster.ref.name == pool.cluster and pool.zone and not pool.zone.startswith(place):
            what = f"sourceImage.referencePool.zone is {pool.zone}, and {pool.cluster} is in {place}"
            yield says.problem(environment.name, what, f"Give a zone of {place} in {_file(environment)}")


def _pin(sight: Sight, environment: Environment) -> Iterator[Finding]:
    images, pinned = sight.images[environment.name], environment.run_id
    if pinned is None or isinstance(images, Unknown):
        return
    if all(each.get("labels", {}).get(RUN_ID) != str(pinned) for each in images):
        what = f"it is pinned to run {pinned}, of which there is no image in {environment.project}"
        yield says.problem(environment.name, what, f"poolwright images --env {environment.name}")


def _webhook(sight: Sight, environment: Environment) -> Iterator[Finding]:
    """Whether `notify` has the variable; its value is a secret, and is not looked at."""
    variable, notify = environment.notifications.webhook_variable, sight.function("notify")
    if not variable or notify is None:
        return
    config = notify.get("serviceConfig", {})
    secrets = {each["key"] for each in config.get("secretEnvironmentVariables", [])}
    given = secrets.union(config.get("environmentVariables", {}))
    if variable not in given:
        what = f"notifications.webhookVariable names {variable}, which function notify does not have"
        yield says.problem(environment.name, what, "Add it to webhook_variables in Terraform, then terraform apply")


def _exclusions(sight: Sight, environment: Environment) -> Iterator[Finding]:
    clusters = list(sight.of(environment))
    if any(isinstance(each.gke, Unknown) for each in clusters):
        return
    pools = {pool.ref.name for cluster in clusters for pool in cluster.pools}
    for name in sorted(set(environment.exclude.pools) - pools):
        what = f"exclude.pools names {name}, and no cluster has such a pool"
        yield says.warning(environment.name, what, f"Correct {_file(environment)}, or take it out")


def _reservations(sight: Sight, environment: Environment) -> Iterator[Finding]:
    """Reservations that pools consume by name
    (https://cloud.google.com/kubernetes-engine/docs/how-to/consuming-reservations)."""
    listed = sight.fleets[environment.project].reservations
    for cluster in sight.of(environment):
        for pool, name in _consumed(cluster):
            if isinstance(listed, Unknown):
                yield says.unknown(f"{cluster.ref.name}/{pool.ref.name}", listed)
                return
            zones = [last_part(each["zone"]) for each in listed if each["name"] == last_part(name)]
            if "/" not in name and not zones and all(listed.knows(zone) for zone in pool.locations):
                what = f"it consumes reservation {name}, which is not there: no node can be added"
                where = f"{cluster.ref.name}/{pool.ref.name}"
                yield says.problem(where, what, f"gcloud compute reservations list --project {cluster.ref.project}")


def _consumed(cluster: ClusterSeen) -> Iterator[tuple[NodePool, str]]:
    for pool in cluster.pools:
        if pool.reservation is not None and pool.reservation.kind == "SPECIFIC_RESERVATION":
            yield from ((pool, name) for name in pool.reservation.values)
