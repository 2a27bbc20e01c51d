"""From a group, GKE's template and a boot image to the template of ours the group should point at."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from poolwright.boot_images import checks, copies, kube_env, kubelet_config, notes, provenance
from poolwright.boot_images.changes import Change, differences
from poolwright.boot_images.checks import NodePolicy
from poolwright.boot_images.exclusion import Exclusion
from poolwright.boot_images.image import BootImage
from poolwright.boot_images.outcomes import AlreadyRight, Mutation, Refusal, Rollback
from poolwright.boot_images.resources import InstanceGroup, InstanceTemplate, Json
from poolwright.boot_images.substitutions import KUBELET_CONFIG, SubstitutionError, Substitutions, metadata_after
from poolwright.references import last_part
from poolwright.secret import Secret

_NAME_LENGTH = 63
_HASH_LENGTH = 10
_GKE_HASH = re.compile(r"-[0-9a-f]{8}\Z")
_OUR_NAME = re.compile(rf"-pw-(\d+)-[0-9a-f]{{{_HASH_LENGTH}}}$")
_PROJECT = re.compile(r"projects/[^/]+/")
_SHOWN_METADATA = frozenset({"cluster-location", "cluster-name", "cluster-uid", "gci-update-strategy", "kube-labels"})


def plan(
    *,
    group: InstanceGroup,
    gke_template: InstanceTemplate,
    current_template: InstanceTemplate,
    image: BootImage,
    substitutions: Substitutions,
    excluded: Exclusion,
    node_policy: NodePolicy = "new-nodes-only",
) -> AlreadyRight | Mutation | Refusal:
    """What to do with one group. The same arguments give the same answer, and its answer once done `AlreadyRight`."""
    refusal = checks.refusal(
        group=group,
        gke_template=gke_template,
        image=image,
        substitutions=substitutions,
        excluded=excluded,
        node_policy=node_policy,
    )
    if refusal:
        return refusal
    try:
        body = _body(gke_template, image, substitutions)
    except SubstitutionError as error:
        return Refusal("unsupported", f"The substitutions do not fit {gke_template.name}: {error}.")
    if too_big := checks.too_big(InstanceTemplate(body)):
        return too_big
    name = body["name"]
    if group.points_at(name):
        return AlreadyRight(group.name, name, f"{group.name} points at {name} already.")
    link = _link(gke_template, name)
    return Mutation(
        group=group.name,
        name=name,
        region=gke_template.region,
        body=Secret(body),
        link=link,
        patch=group.patch_to(link),
        current_template=current_template.name,
        gke_template=gke_template.name,
        image=image.name,
        run_id=image.run_id,
        changes=_changes(current_template, InstanceTemplate(body)),
        reason=f"{group.name} points at {current_template.name}; run {image.run_id} of {image.environment} implies "
        f"{name}, made from {gke_template.name}.",
        notes=notes.of(group, gke_template),
    )


def rollback(
    *,
    group: InstanceGroup,
    gke_template: InstanceTemplate,
    current_template: InstanceTemplate,
    node_policy: NodePolicy = "new-nodes-only",
) -> AlreadyRight | Rollback | Refusal:
    """Back to the latest template GKE issued, never to a remembered one."""
    if refusal := checks.proactive(group, node_policy):
        return refusal
    if provenance.is_ours(gke_template):
        return Refusal("ambiguous", f"{gke_template.name} is ours, not GKE's; there is nothing to roll back to.")
    if group.points_at(gke_template.name):
        return AlreadyRight(group.name, gke_template.name, f"{group.name} points at GKE's {gke_template.name} already.")
    link = _link(gke_template, gke_template.name)
    return Rollback(
        group=group.name,
        link=link,
        patch=group.patch_to(link),
        current_template=current_template.name,
        reason=f"{group.name} goes back from {current_template.name} to GKE's latest, {gke_template.name}.",
    )


def name_of(gke_name: str, run_id: int, body: Json) -> str:
    """`<gke prefix>-pw-<run id>-<hash of content>`, 63 characters at most; other content, other name."""
    content = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    suffix = f"-pw-{run_id}-{hashlib.sha256(content).hexdigest()[:_HASH_LENGTH]}"
    prefix = _GKE_HASH.sub("", gke_name)
    return prefix[: _NAME_LENGTH - len(suffix)].rstrip("-") + suffix


def run_id_of(template: str) -> int | None:
    """The run id in the name of a template of ours, None in any other name."""
    found = _OUR_NAME.search(template)
    return int(found[1]) if found else None


def _body(gke_template: InstanceTemplate, image: BootImage, substitutions: Substitutions) -> Json:
    """The new template, named after its content. SubstitutionError."""
    body = copies.writable(gke_template.raw)
    properties = body["properties"]
    boot_disk = next(disk for disk in properties["disks"] if disk.get("boot"))
    boot_disk["initializeParams"]["sourceImage"] = image.link
    _set_metadata(properties, metadata_after(gke_template, substitutions))
    body["description"] = provenance.Provenance(
        environment=image.environment, run_id=image.run_id, image=image.link, gke_template=gke_template.name
    ).render()
    return {"name": name_of(gke_template.name, image.run_id, body), **body}


def _set_metadata(properties: Json, wanted: dict[str, str]) -> None:
    items = properties.setdefault("metadata", {}).setdefault("items", [])
    for item in items:
        item["value"] = wanted[item["key"]]
    present = {item["key"] for item in items}
    items += [{"key": key, "value": value} for key, value in wanted.items() if key not in present]


def _link(template: InstanceTemplate, name: str) -> str:
    """A reference to a template beside this one, in the partial form that Compute accepts."""
    project = _PROJECT.search(str(template.raw.get("selfLink") or ""))
    scope = f"regions/{template.region}" if template.region else "global"
    return f"{project[0] if project else ''}{scope}/instanceTemplates/{name}"


def _changes(before: InstanceTemplate, after: InstanceTemplate) -> tuple[Change, ...]:
    """What a person would see of the difference between two templates."""
    empty = kube_env.KubeEnv.parse("")
    facts = differences(_facts(before), _facts(after), shown=_facts(after))
    kubelet, kubelet_after = _kubelet(before), _kubelet(after)
    metadata = differences(
        _metadata(before, kubelet), _metadata(after, kubelet_after), shown=_SHOWN_METADATA, prefix="metadata "
    )
    shown = {path for path in (*kubelet, *kubelet_after) if path.partition(".")[0] != kubelet_config.HIDDEN}
    fields = differences(kubelet, kubelet_after, shown=shown, prefix=f"{KUBELET_CONFIG} ")
    return (
        *facts,
        *metadata,
        *kube_env.diff(before.kube_env or empty, after.kube_env or empty, prefix="kube-env "),
        *fields,
    )


def _facts(template: InstanceTemplate) -> dict[str, Secret[str]]:
    return {"boot image": Secret(last_part(template.source_image)), "machine type": Secret(template.machine_type)}


def _kubelet(template: InstanceTemplate) -> dict[str, Secret[str]]:
    """The fields of its kubelet's configuration; none where it cannot be read."""
    found = kubelet_config.fields(template.metadata.get(KUBELET_CONFIG, ""))
    return {path: Secret(value) for path, value in (found or {}).items()}


def _metadata(template: InstanceTemplate, kubelet: Mapping[str, Secret[str]]) -> dict[str, Secret[str]]:
    """The items that are not shown field by field."""
    apart = {"kube-env", KUBELET_CONFIG} if kubelet else {"kube-env"}
    return {key: Secret(value) for key, value in template.metadata.items() if key not in apart}
