"""Which template GKE means a pool's nodes to be made from; docs/designs/which-template-is-gkes.md says why so."""

from __future__ import annotations

from collections.abc import Iterable

from poolwright.boot_images.outcomes import Refusal
from poolwright.boot_images.provenance import is_ours, read
from poolwright.boot_images.resources import InstanceTemplate
from poolwright.references import PoolRef

_POOL_LABEL = "cloud.google.com/gke-nodepool"
_KEPT = 16  # characters of a cluster's name that GKE's shortening always leaves


def name_prefix(pool: PoolRef) -> str:
    """What the names of all templates of the pool begin with: a filter for listing, never a proof."""
    cluster = pool.cluster.name
    return f"gke-{cluster[:_KEPT]}" if len(cluster) > _KEPT else f"gke-{cluster}-"


def current(
    *, own: InstanceTemplate, templates: Iterable[InstanceTemplate], pool: PoolRef, cluster_uid: str
) -> InstanceTemplate | Refusal:
    """GKE's current template of a pool.

    `own` is the group's present template: GKE's unless it is ours. Then it is the newest of `templates` (any listing
    that holds the pool's, global and regional) that GKE issued for this cluster and pool; none, or two of the same
    age with different contents, is a refusal.
    """
    if not is_ours(own):
        return own
    issued = [
        template
        for template in templates
        if not is_ours(template) and _is_of(template, pool, cluster_uid) and _zone(template) == _zone(own)
    ]
    if not issued:
        return Refusal(
            "ambiguous",
            f"No template that GKE issued for pool {pool.name} of cluster {pool.cluster.name} exists any more, and the "
            f"group's own, {own.name}, is ours; upgrade or recreate the pool to have GKE issue one.",
        )
    if undated := [template.name for template in issued if template.created is None]:
        return Refusal("ambiguous", f"Template {undated[0]} has no readable creation time, so none is surely newest.")
    newest = max(template.created for template in issued if template.created)
    candidates = sorted((t for t in issued if t.created == newest), key=lambda template: template.name)
    if any(other.properties != candidates[0].properties for other in candidates[1:]):
        names = " and ".join(template.name for template in candidates)
        return Refusal("ambiguous", f"GKE issued {names} for pool {pool.name} at the same moment, and they differ.")
    return _origin(own, issued, newest=candidates[0]) or candidates[0]


def _origin(
    own: InstanceTemplate, issued: Iterable[InstanceTemplate], *, newest: InstanceTemplate
) -> InstanceTemplate | None:
    """The template that ours was made from, if the newest says nothing else: GKE issues one a zone, and a group must
    not wander from its own to its neighbour's."""
    provenance = read(own.description)
    for template in issued:
        if provenance and template.name == provenance.gke_template and template.properties == newest.properties:
            return template
    return None


def _zone(template: InstanceTemplate) -> str:
    """The zone that kube-env tells its nodes, where it does."""
    zone = template.kube_env.get("ZONE") if template.kube_env else None
    return zone.reveal() if zone else ""


def _is_of(template: InstanceTemplate, pool: PoolRef, cluster_uid: str) -> bool:
    """Whether the template is of this cluster and pool, by what it would tell its nodes."""
    metadata = template.metadata
    return (
        template.name.startswith("gke-")
        and metadata.get("cluster-uid") == cluster_uid
        and metadata.get("cluster-name") == pool.cluster.name
        and template.node_labels.get(_POOL_LABEL) == pool.name
    )
