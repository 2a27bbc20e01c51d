"""Whether quotas leave room for what provisioners may ask for (https://cloud.google.com/compute/resource-usage)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from poolwright.capacity import observing
from poolwright.capacity.provisioner import BadProvisioner, decode
from poolwright.references import last_part
from poolwright.services.doctor.findings import Finding, Says, Unknown
from poolwright.services.doctor.sight import Sight
from poolwright.services.ports import Json, Listed

says = Says("quotas")
NEARLY = 0.9  # of a limit

_OF_REGION = ("CPUS", "INSTANCES", "IN_USE_ADDRESSES", "SSD_TOTAL_GB", "DISKS_TOTAL_GB")
_OF_PROJECT = ("INSTANCE_TEMPLATES", "IMAGES", "SNAPSHOTS")
# https://cloud.google.com/compute/resource-usage#gpu_quota; later families have a quota of another kind, by gpu_family.
_GPUS = {
    "nvidia-l4": "NVIDIA_L4_GPUS",
    "nvidia-tesla-t4": "NVIDIA_T4_GPUS",
    "nvidia-tesla-v100": "NVIDIA_V100_GPUS",
    "nvidia-tesla-p100": "NVIDIA_P100_GPUS",
    "nvidia-tesla-p4": "NVIDIA_P4_GPUS",
    "nvidia-tesla-a100": "NVIDIA_A100_GPUS",
    "nvidia-a100-80gb": "NVIDIA_A100_80GB_GPUS",
    "nvidia-h100-80gb": "NVIDIA_H100_GPUS",
}


def check(sight: Sight) -> Iterator[Finding]:
    """Of each project of the fleet, and of the regions that its clusters' node pools are in."""
    for project in sight.fleets:
        yield from says.or_ok(_project(sight, project), project, "nothing of the project's own is nearly used up")
        regions = sorted(_regions(sight, project))
        quotas = sight.fleets[project].region_quotas
        if isinstance(quotas, Unknown):
            yield says.unknown(project, quotas)
            continue
        growth = _growth(sight, project)
        for region in regions:
            left = {each["metric"]: each for each in quotas.get(region, [])}
            found = [*_nearly(region, left, _OF_REGION, project), *_gpus(region, left, growth[region], project)]
            yield from says.or_ok(found, f"{project}/{region}", "there is room for every provisioner's maxNodes")


def _project(sight: Sight, project: str) -> Iterator[Finding]:
    quotas = sight.fleets[project].project_quotas
    if isinstance(quotas, Unknown):
        yield says.unknown(project, quotas)
    else:
        yield from _nearly("", {each["metric"]: each for each in quotas}, _OF_PROJECT, project)


def _nearly(region: str, quotas: dict[str, Json], metrics: tuple[str, ...], project: str) -> Iterator[Finding]:
    for metric in metrics:
        quota = quotas.get(metric)
        if quota and quota["usage"] >= NEARLY * quota["limit"]:
            what = f"{metric}: {quota['usage']:g} of {quota['limit']:g} are used"
            yield says.warning(f"{project}/{region}".rstrip("/"), what, _more(project))


def _gpus(region: str, quotas: dict[str, Json], growth: Counter[tuple[str, bool]], project: str) -> Iterator[Finding]:
    """Spot VMs use the preemptible quota where the project has one, else the standard one
    (https://cloud.google.com/compute/docs/instances/spot#quotas)."""
    for (accelerator, spot), more in growth.items():
        metric = _GPUS.get(accelerator, "")
        preemptible = f"PREEMPTIBLE_{metric}"
        quota = quotas.get(preemptible if spot and quotas.get(preemptible, {}).get("limit") else metric)
        where = f"{project}/{region}"
        if quota is None:
            why = f"the quota of {accelerator} is none that Compute lists for a region"
            yield says.unknown(where, Unknown(why, _more(project)))
        elif quota["usage"] + more > quota["limit"]:
            what = (
                f"{quota['metric']}: {quota['usage']:g} of {quota['limit']:g} are used, "
                f"and provisioners may ask for {more} more"
            )
            yield says.warning(where, what, f"{_more(project)}; or lower maxNodes")


def _more(project: str) -> str:
    return f"Ask for more at https://console.cloud.google.com/iam-admin/quotas?project={project}"


def _regions(sight: Sight, project: str) -> set[str]:
    return {
        _region(group.zone)
        for cluster in sight.clusters
        for pool in cluster.pools
        for group in pool.groups
        if group.project == project
    }


def _growth(sight: Sight, project: str) -> defaultdict[str, Counter[tuple[str, bool]]]:
    """Region -> (accelerator, spot) -> GPUs that provisioners may yet ask for, in their first region."""
    found: defaultdict[str, Counter[tuple[str, bool]]] = defaultdict(Counter)
    listed = sight.fleets[project].groups
    sizes = _sizes(listed) if not isinstance(listed, Unknown) else {}
    for cluster in sight.clusters:
        if cluster.ref.project != project or isinstance(cluster.inside.provisioners, Unknown):
            continue
        for body in cluster.inside.provisioners:
            try:
                spec = decode(body).spec
            except BadProvisioner:
                continue  # which is another check's to say
            owners = {group: pool for pool in cluster.pools for group in pool.groups}
            named, _ = observing.resolve(spec.existing_instance_group_names, owners)  # why not, another check says
            if groups := list(named.values()):
                group, pool = groups[0], owners[groups[0]]
                more = spec.max_nodes - sum(sizes.get((each.zone, each.name), 0) for each in groups)
                for accelerator in pool.accelerators:
                    found[_region(group.zone)][accelerator, pool.spot] += max(more, 0) * pool.gpus_per_node
    return found


def _sizes(listed: Listed) -> dict[tuple[str, str], int]:
    return {(last_part(each["zone"]), each["name"]): int(each.get("targetSize", 0)) for each in listed}


def _region(zone: str) -> str:
    return last_part(zone).rpartition("-")[0]
