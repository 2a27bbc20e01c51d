"""Why a group was left as it is: remembered until what the refusal depends on changes, and answered where it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poolwright.boot_images.image import BootImage
from poolwright.boot_images.outcomes import Refusal
from poolwright.boot_images.resources import InstanceGroup
from poolwright.references import GroupRef, last_part
from poolwright.services.ports import Conflict, Json, Ports
from poolwright.services.records import record
from poolwright.verdicts import Busy, Refused

if TYPE_CHECKING:
    from poolwright.environments import Environment

COLLECTION = "refusals"
ASK_SECONDS = 3600.0  # between two requests for a build: one that failed is tried again


def known(ports: Ports) -> dict[str, Json]:
    """Every remembered refusal, by group."""
    return {stored.key: stored.body for stored in ports.store.all(COLLECTION)}


def where(fingerprint: str, environment: Environment, image: str) -> str:
    """What a refusal depends on: when any of it changes, the group is looked at again."""
    return f"{fingerprint} {environment.digest} {image}"


def is_of(refusal: Json, fingerprint: str, environment: Environment) -> bool:
    """Whether a remembered refusal is of the group and the environment as they are now, whatever image it is about."""
    return str(refusal.get("where", "")).startswith(f"{fingerprint} {environment.digest} ")


def still_holds(refusal: Json, fingerprint: str, environment: Environment, image: str, *, now: float) -> bool:
    """Whether a remembered refusal would be given again, and need not be answered again."""
    if refusal.get("where") != where(fingerprint, environment, image):
        return False
    return "asked" not in refusal or now - refusal["asked"] < ASK_SECONDS


def refuse(
    ports: Ports,
    environment: Environment,
    raw: InstanceGroup,
    group: GroupRef,
    image: BootImage,
    refusal: Refusal,
    *,
    source_image: str,
    cause: str,
) -> str:
    """Record and remember the refusal, once for what it depends on; the reason in words. `source_image` is what GKE's
    template boots: skew is answered with a build on it, where the environment wants that. Busy, Weather."""
    stored, now = ports.store.get(COLLECTION, str(group)), ports.clock.now()
    if stored and still_holds(stored.body, raw.fingerprint, environment, image.name, now=now):
        return str(stored.body["reason"])
    asks = refusal.kind == "skew" and environment.source_image.on_change == "rebuild"
    answer = _answer(ports, environment, source_image, cause=cause) if asks else ""
    reason = " ".join(filter(None, (refusal.reason, answer)))
    record(
        ports, kind="refusal", subject=str(group), what=f"not put on {image.name}", why=reason, cause=cause,
        environment=environment.name, once=f"{image.name}|{refusal.reason}", refusal=refusal.kind,
    )  # fmt: skip
    asked = {"asked": now} if asks else {}
    remember(ports, environment, raw, group, image.name, kind=refusal.kind, reason=reason, **asked)
    return reason


def remember(
    ports: Ports,
    environment: Environment,
    raw: InstanceGroup,
    group: GroupRef,
    image: str,
    *,
    kind: str,
    reason: str,
    **more: float,
) -> None:
    """So that the tick does not come back for the same each minute. Busy."""
    body = {"where": where(raw.fingerprint, environment, image), "kind": kind, "reason": reason, **more}
    stored = ports.store.get(COLLECTION, str(group))
    if stored is not None and stored.body == body:
        return
    try:
        ports.store.put(COLLECTION, str(group), body, version=stored.version if stored else None)
    except Conflict:
        raise Busy(f"{group.name} is looked at by somebody else") from None


def forget(ports: Ports, environment: Environment, raw: InstanceGroup, group: GroupRef, image: str) -> None:
    """The group is right after all: GKE took back what stood in the way, and nothing of the group changed."""
    stored = ports.store.get(COLLECTION, str(group))
    if stored is None or stored.body.get("where") != where(raw.fingerprint, environment, image):
        return
    try:
        ports.store.delete(COLLECTION, str(group), version=stored.version)
    except Conflict:
        return  # whoever looks at it now knows better


def _answer(ports: Ports, environment: Environment, source_image: str, *, cause: str) -> str:
    """A build on the image that GKE's template boots, asked for once however many groups moved to it; or why none."""
    base = last_part(source_image)
    if environment.mode == "observe":
        return f"A build on {base} would be requested; mode is observe."
    if environment.run_id is not None:
        return f"No build is requested: {environment.name} is pinned to run {environment.run_id}."
    from poolwright.services import request_build

    try:
        asked = request_build.request(ports, environment=environment, source_image=source_image, cause=cause)
    except Refused as refused:
        return f"No build on {base} is requested: {refused.problem}."
    return f"{asked.sentence.rstrip('.')}."
