"""Which boot image an environment is on, and which of its groups a person or a failed gate has taken off it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from poolwright.boot_images.image import BootImage
from poolwright.entries import Entry
from poolwright.references import last_part
from poolwright.services.ports import Conflict, Json, Missing, Ports
from poolwright.services.records import ensure, tell

if TYPE_CHECKING:
    from poolwright.environments import Environment

COLLECTION = "environments"
FACTS = (
    "selfLink", "name", "labels", "family", "architecture", "diskSizeGb", "status", "deprecated", "guestOsFeatures",
)  # fmt: skip


@dataclass(frozen=True)
class Released:
    """`run_id` 0: no rollout has ended well yet. `held`: group -> why it is left as it is.
    `previous_image`: what was released before, for a way back."""

    run_id: int
    image: str
    held: Mapping[str, str]
    previous_image: str = ""


def read(ports: Ports, environment: Environment) -> Released:
    """What the store says; an empty store holds everything still until the next rollout."""
    stored = ports.store.get(COLLECTION, environment.name)
    body = stored.body if stored else {}
    return Released(
        run_id=body.get("runId", 0),
        image=body.get("image", ""),
        held=body.get("held", {}),
        previous_image=body.get("previousImage", ""),
    )


def release(
    ports: Ports,
    environment: str,
    *,
    run_id: int,
    image: str,
    groups: Iterable[str],
    cause: str = "",
    requester: str = "",
) -> None:
    """A rollout ended well: this is the image now, and its groups are held no longer. Weather."""
    freed = set(groups)

    def change(body: Json) -> Change | None:
        was, held = body.get("image", ""), body.get("held", {})
        after = body | {"runId": run_id, "image": image, "held": {k: why for k, why in held.items() if k not in freed}}
        if was not in ("", image):
            after["previousImage"] = was
        if after == body:
            return None
        what = f"run {run_id} is the released image, and {len(held) - len(after['held'])} groups are held no longer"
        return Change(after, what, before=was, is_now=image)

    _change(ports, environment, change, kind="release", cause=cause, requester=requester)


def hold(
    ports: Ports, environment: str, *, groups: Iterable[str], why: str, cause: str = "", requester: str = ""
) -> None:
    """These groups stay as they are until a later rollout takes them: they were rolled back, left in the middle, or
    brought to another run than is released. One write, however many they are. Weather."""
    fresh = dict.fromkeys(groups, why)

    def change(body: Json) -> Change | None:
        held = body.get("held", {})
        if held | fresh == held:
            return None
        what = f"{len(fresh)} groups are left as they are: {', '.join(sorted(map(last_part, fresh)))}"
        return Change({"runId": 0, "image": ""} | body | {"held": held | fresh}, what, why=why)

    _change(ports, environment, change, kind="hold", cause=cause, requester=requester)


@dataclass(frozen=True)
class Change:
    """The document after it, and what is recorded of it."""

    body: Json
    what: str
    why: str = ""
    before: str = ""
    is_now: str = ""


def _change(
    ports: Ports, environment: str, change: Callable[[Json], Change | None], *, kind: str, cause: str, requester: str
) -> None:
    """Write the document with the record of its change in it, then tell that. Whoever died before telling it is told by
    whoever comes next: by the same message again, or by the next change."""
    while True:
        stored = ports.store.get(COLLECTION, environment)
        body = stored.body if stored else {}
        if "record" in body:
            ensure(ports, Entry(**body["record"]))
        changed = change({name: value for name, value in body.items() if name not in ("record", "sequence")})
        if changed is None:
            return
        sequence = body.get("sequence", 0) + 1
        entry = Entry(
            kind=kind, subject=environment, what=changed.what, at=ports.clock.now(), environment=environment,
            why=changed.why, cause=cause, requester=requester, before=changed.before, after=changed.is_now,
            once=f"{sequence}",
        )  # fmt: skip
        after = changed.body | {"sequence": sequence, "record": asdict(entry)}
        try:
            ports.store.put(COLLECTION, environment, after, version=stored.version if stored else None)
        except Conflict:
            continue
        tell(ports, [entry])
        return


def image(ports: Ports, environment: Environment, name: str) -> BootImage | None:
    """The image by name, None where it is gone."""
    found = facts(ports, environment, name)
    return None if found is None else BootImage.read(found)


def facts(ports: Ports, environment: Environment, name: str) -> Json | None:
    """What `BootImage.read` needs of the image of this name, as Compute shows it; None where it is gone."""
    try:
        raw = ports.compute.image(environment.project, name)
    except Missing:
        return None
    return {key: raw[key] for key in FACTS if key in raw}
