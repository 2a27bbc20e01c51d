"""What an environment changes in the templates of its pools, beside the boot image.

substitutions:
  kubeEnv:
    set: {KEY: value}
    unset: [KEY]
    append: {AUTOSCALER_ENV_VARS: [os_distribution=cos], KUBELET_ARGS: [--max-pods=64]}
  metadata: {serial-port-logging-enable: "true"}
  labels: {acme.example/image: baked}
  taints: [{key: acme.example/canary, value: "true", effect: NoSchedule}]
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from poolwright.boot_images import lists
from poolwright.boot_images.kube_env import KubeEnv, KubeEnvError
from poolwright.boot_images.resources import InstanceTemplate

_NOT_REPLACED = frozenset({"cluster-location", "cluster-name", "cluster-uid", "kube-env", "kube-labels"})
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?\Z")
_KEY = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\Z")


class KubeEnvChanges(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Operations on kube-env: `unset` first, then `set`, then `append` (items by list-valued key)."""

    set: dict[str, str] = msgspec.field(default_factory=dict)
    unset: tuple[str, ...] = ()
    append: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)


class Taint(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A taint its nodes register with."""

    key: str
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}"


class Substitutions(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """All of them; none by default. `labels` and `taints` are Kubernetes', `metadata` are Compute's items."""

    kube_env: KubeEnvChanges = KubeEnvChanges()
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    taints: tuple[Taint, ...] = ()

    @property
    def touches_kube_env(self) -> bool:
        """Whether anything of it ends in kube-env."""
        return bool(self.kube_env != KubeEnvChanges() or self.labels or self.taints)


class SubstitutionError(ValueError):
    """Substitutions that cannot be made together or at all; the message names the key, never a value."""


def problems(wanted: Substitutions) -> tuple[str, ...]:
    """What is wrong with substitutions whatever the pool, as sentences."""
    found = []
    changes = wanted.kube_env
    for key in sorted({*changes.set, *changes.append} & {*changes.unset}):
        found.append(f"kube-env key {key} is both set and unset.")
    for key in sorted({*changes.set} & {*changes.append}):
        found.append(f"kube-env key {key} is both set and appended to.")
    for key in sorted(_NOT_REPLACED & {*wanted.metadata}):
        found.append(f"The metadata item {key} is GKE's: kube-env is changed through kubeEnv, the others not at all.")
    found += [
        f"The kubelet refuses to register its node with the label {key}; take a prefix of your own."
        for key in wanted.labels
        if not _kubelet_may_set(key)
    ]
    for key, value in [*wanted.labels.items(), *((taint.key, taint.value) for taint in wanted.taints)]:
        if not _KEY.match(key) or not _VALUE.match(value):
            found.append(f"Kubernetes allows no label or taint {key} with this value.")
    return tuple(found)


def metadata_after(template: InstanceTemplate, wanted: Substitutions) -> dict[str, str]:
    """The template's metadata with everything substituted; the same again when applied again. SubstitutionError."""
    items = template.metadata | wanted.metadata
    if wanted.touches_kube_env:
        if template.kube_env is None:
            raise SubstitutionError("it has no kube-env to substitute in")
        if not template.kube_env.readable:
            raise SubstitutionError("its kube-env is no YAML mapping, so what a node makes of a change cannot be told")
        items["kube-env"] = kube_env_after(template.kube_env, wanted).render().reveal()
    if "kube-labels" in items:
        try:
            for key, value in wanted.labels.items():
                items["kube-labels"] = lists.united("NODE_LABELS", items["kube-labels"], f"{key}={value}")
        except lists.ListError as error:
            raise SubstitutionError(f"kube-labels: {error}") from None
    return items


def kube_env_after(kube_env: KubeEnv, wanted: Substitutions) -> KubeEnv:
    """The kube-env with everything substituted; the same again when applied again. SubstitutionError."""
    try:
        for key in wanted.kube_env.unset:
            kube_env = kube_env.unset(key)
        for key, value in wanted.kube_env.set.items():
            kube_env = kube_env.set(key, value)
        for key, items in wanted.kube_env.append.items():
            for item in items:
                kube_env = kube_env.append(key, item)
        for key, value in wanted.labels.items():
            kube_env = _registered(kube_env, "--node-labels", "node_labels", f"{key}={value}")
        for taint in wanted.taints:
            kube_env = _registered(kube_env, "--register-with-taints", "node_taints", str(taint))
    except KubeEnvError as error:
        raise SubstitutionError(str(error)) from None
    return kube_env


def _registered(kube_env: KubeEnv, argument: str, variable: str, item: str) -> KubeEnv:
    """With a label or taint for the kubelet, and for an autoscaler that must know an empty group."""
    if kube_env.get("KUBELET_ARGS") is None:
        raise SubstitutionError("its kube-env has no KUBELET_ARGS, so there is nothing to add labels and taints to")
    kube_env = kube_env.append("KUBELET_ARGS", f"{argument}={item}")
    if kube_env.get("AUTOSCALER_ENV_VARS") is not None:
        kube_env = kube_env.append("AUTOSCALER_ENV_VARS", f"{variable}={item}")
    return kube_env


def _kubelet_may_set(label: str) -> bool:
    """https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction"""
    prefix, slash, _ = label.rpartition("/")
    if not slash or not any(
        prefix == domain or prefix.endswith(f".{domain}") for domain in ("kubernetes.io", "k8s.io")
    ):
        return True
    return any(
        prefix == domain or prefix.endswith(f".{domain}") for domain in ("kubelet.kubernetes.io", "node.kubernetes.io")
    )
