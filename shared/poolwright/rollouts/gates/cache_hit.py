"""Gate: the containers that the image is pre-loaded with are on its nodes.

Two things tell of it. `node.status.images` names what a node has, but 50 images at most (nodeStatusMaxImages of
https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/), so what it does not name is unknown. The
kubelet's events say of each container it starts whether its image was there (pkg/kubelet/images/image_manager.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from poolwright.nodes import ImagePull
from poolwright.rollouts.gates.evidence import Evidence, Held
from poolwright.rollouts.gates.result import GateResult

NAME = "cache hit"
_DEFAULT_REGISTRY = "docker.io"


def judge(seen: Evidence) -> GateResult | None:
    """Unknown neither passes nor fails: then a smoke Job on a pre-loaded image gives the proof."""
    joined = [node for node in seen.nodes if node.registered]
    if not seen.containers or not joined:
        return None
    for node in joined:
        missed = [container for container in seen.containers if node.cache.get(container) == "miss"]
        if missed:
            reason = f"node {node.name} had to pull {missed[0]}, which the image should hold"
            return GateResult(gate=NAME, verdict="failed", reason=reason)
    asked = len(seen.containers) * len(joined)
    held = sum(node.cache.get(container) == "hit" for node in joined for container in seen.containers)
    if held < asked:
        reason = f"{held} of {asked} pre-loaded containers of {len(joined)} nodes are known to be there, none is missed"
        return GateResult(gate=NAME, verdict="unknown", reason=reason)
    text = f"all {len(seen.containers)} pre-loaded containers are on {len(joined)} nodes"
    return GateResult(gate=NAME, verdict="passed", reason=text)


def known(containers: Sequence[str], *, images: Iterable[str], pulls: Sequence[ImagePull]) -> dict[str, Held]:
    """What is known of each container on one node: `images` by its status, `pulls` by its kubelet's events.

    A pull outweighs the status: what was pulled is listed there afterwards too.
    """
    listed = list(images)
    found: dict[str, Held] = {}
    for container in containers:
        told = [pull.was_there for pull in pulls if same_image(pull.image, container)]
        if False in told:
            found[container] = "miss"
        elif told or any(same_image(image, container) for image in listed):
            found[container] = "hit"
        else:
            found[container] = "unknown"
    return found


def same_image(one: str, other: str) -> bool:
    """Whether two references mean one image: by digest where both have one, else by tag.

    A reference is `[registry/]name[:tag][@digest]`; without a registry it is Docker's, without a tag `latest`
    (https://kubernetes.io/docs/concepts/containers/images/#image-names).
    """
    (name, tag, digest), (its_name, its_tag, its_digest) = _parts(one), _parts(other)
    if name != its_name:
        return False
    if digest and its_digest:
        return digest == its_digest
    return tag == its_tag and tag != ""


def _parts(reference: str) -> tuple[str, str, str]:
    rest, _, digest = reference.partition("@")
    head, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:  # that colon was a registry's port
        head, tag = rest, "" if digest else "latest"
    first, slash, _ = head.partition("/")
    if not slash:
        head = f"{_DEFAULT_REGISTRY}/library/{head}"
    elif "." not in first and ":" not in first and first != "localhost":
        head = f"{_DEFAULT_REGISTRY}/{head}"
    return head, tag, digest
