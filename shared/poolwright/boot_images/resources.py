"""Views of what the Compute API returns: the raw JSON kept whole, a few facts read from it.

Their `repr` shows a name only, because a template's metadata holds credentials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from poolwright.boot_images.kube_env import KubeEnv
from poolwright.references import last_part

Json = dict[str, Any]


@dataclass(frozen=True)
class InstanceTemplate:
    """An instance template, global or regional
    (https://cloud.google.com/compute/docs/reference/rest/v1/instanceTemplates)."""

    raw: Json = field(repr=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.raw["name"])

    @property
    def region(self) -> str | None:
        """The region of a regional template, None for a global one."""
        return last_part(self.raw["region"]) if self.raw.get("region") else None

    @property
    def description(self) -> str:
        """The description, empty where there is none."""
        return str(self.raw.get("description") or "")

    @property
    def created(self) -> datetime | None:
        """`creationTimestamp`, None where it is missing or no RFC 3339 time with an offset."""
        try:
            created = datetime.fromisoformat(str(self.raw.get("creationTimestamp")))
        except ValueError:
            return None
        return created if created.tzinfo else None

    @property
    def properties(self) -> Json:
        """What the VMs are made of."""
        return self.raw.get("properties") or {}

    @cached_property
    def metadata(self) -> dict[str, str]:
        """The metadata items by key. They hold credentials: never print them."""
        items = (self.properties.get("metadata") or {}).get("items") or []
        return {item["key"]: item.get("value") or "" for item in items}

    @cached_property
    def kube_env(self) -> KubeEnv | None:
        """The `kube-env` item, None where there is none."""
        text = self.metadata.get("kube-env")
        return None if text is None else KubeEnv.parse(text)

    @property
    def boot_disk(self) -> Json | None:
        """The disk the VMs boot from."""
        disks: list[Json] = self.properties.get("disks") or []
        return next((disk for disk in disks if disk.get("boot")), None)

    @property
    def source_image(self) -> str:
        """The boot disk's image reference as it stands there, empty where the disk is not made from an image."""
        return str(((self.boot_disk or {}).get("initializeParams") or {}).get("sourceImage") or "")

    @property
    def machine_type(self) -> str:
        """The machine type's name."""
        return last_part(str(self.properties.get("machineType") or ""))

    @property
    def accelerators(self) -> tuple[str, ...]:
        """Names of the accelerator types attached to each VM."""
        attached = self.properties.get("guestAccelerators") or []
        return tuple(last_part(str(item.get("acceleratorType") or "")) for item in attached)

    @cached_property
    def node_labels(self) -> dict[str, str]:
        """The Kubernetes labels its nodes register with, from the item `kube-labels` and from kube-env."""
        texts = [self.metadata.get("kube-labels", "")]
        if self.kube_env is not None:
            texts += [self._autoscaler_var("node_labels"), self._kubelet_arg("--node-labels")]
        pairs = (item.partition("=") for text in texts for item in text.split(",") if item)
        return {key.strip(): value.strip() for key, _, value in pairs}

    def _autoscaler_var(self, name: str) -> str:
        return _value_of(self.kube_env, "AUTOSCALER_ENV_VARS", ";", name)

    def _kubelet_arg(self, name: str) -> str:
        return _value_of(self.kube_env, "KUBELET_ARGS", " ", name)

    @property
    def architecture(self) -> str:
        """`X86_64` or `ARM64`, as images name it."""
        named = self._autoscaler_var("arch") or self.node_labels.get("kubernetes.io/arch", "")
        if named:
            return "ARM64" if named == "arm64" else "X86_64"
        return "ARM64" if self.machine_type.partition("-")[0] in _ARM_FAMILIES else "X86_64"


# https://cloud.google.com/compute/docs/instances/arm-on-compute
_ARM_FAMILIES = frozenset({"t2a", "c4a", "n4a", "a4x"})


def _value_of(kube_env: KubeEnv | None, key: str, separator: str, name: str) -> str:
    text = kube_env.get(key) if kube_env else None
    for item in text.reveal().split(separator.strip() or None) if text else ():
        present, _, value = item.strip().partition("=")
        if present == name:
            return value.strip(" \"'")
    return ""


@dataclass(frozen=True)
class InstanceGroup:
    """A managed instance group (https://cloud.google.com/compute/docs/reference/rest/v1/instanceGroupManagers)."""

    raw: Json = field(repr=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.raw["name"])

    @property
    def fingerprint(self) -> str:
        """What a patch must carry."""
        return str(self.raw.get("fingerprint") or "")

    @property
    def update_type(self) -> str:
        """`OPPORTUNISTIC` (also where nothing is said) or `PROACTIVE`."""
        return str((self.raw.get("updatePolicy") or {}).get("type") or "OPPORTUNISTIC")

    @property
    def templates(self) -> tuple[str, ...]:
        """The templates new members are made from: those of `versions`, which override `instanceTemplate`."""
        versions: list[Mapping[str, Any]] = self.raw.get("versions") or []
        named = [str(version["instanceTemplate"]) for version in versions if version.get("instanceTemplate")]
        return tuple(named or ([str(self.raw["instanceTemplate"])] if self.raw.get("instanceTemplate") else []))

    def points_at(self, template: str) -> bool:
        """Whether `instanceTemplate` and every version name this template (a name or any form of its URL)."""
        named = {last_part(reference) for reference in (*self.templates, self.raw.get("instanceTemplate")) if reference}
        return named == {last_part(template)}

    def patch_to(self, template: str) -> Json:
        """The body of the patch that points the group at a template; its update policy is left alone."""
        versions = [{"instanceTemplate": template}]
        if len(kept := self.raw.get("versions") or []) == 1 and kept[0].get("name"):
            versions[0]["name"] = kept[0]["name"]
        return {"instanceTemplate": template, "versions": versions, "fingerprint": self.fingerprint}
