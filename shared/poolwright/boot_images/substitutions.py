"""What an environment changes in the templates of its pools, beside the boot image.

substitutions:
  kubeEnv:
    set: {KEY: value}
    unset: [KEY]
    append: {AUTOSCALER_ENV_VARS: [os_distribution=cos], KUBELET_ARGS: [--image-pull-progress-deadline=5m]}
  kubeletConfig:
    set: {containerLogMaxSize: 50Mi, evictionHard.memory.available: 200Mi}
    unset: [readOnlyPort]
  metadata: {serial-port-logging-enable: "true"}
  metadataFiles: {startup-script: files/startup.sh}
  labels: {acme.example/image: baked}
  taints: [{key: acme.example/canary, value: "true", effect: NoSchedule}]
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from poolwright.boot_images import kubelet_config, lists
from poolwright.boot_images.kube_env import KubeEnv, KubeEnvError
from poolwright.boot_images.kubelet_config import KubeletConfigError
from poolwright.boot_images.resources import InstanceTemplate

KUBELET_CONFIG = "kubelet-config"
_Value = Annotated[str, Meta(extra={"hidden": True})]  # may be a credential: no message repeats it


class KubeEnvChanges(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Operations on kube-env: `unset` first, then `set`, then `append` (items by list-valued key)."""

    set: Annotated[dict[str, _Value], Meta(description="Keys and their values, as texts.")] = msgspec.field(
        default_factory=dict
    )
    unset: Annotated[tuple[str, ...], Meta(description="Keys that are removed.")] = ()
    append: Annotated[dict[str, tuple[str, ...]], Meta(description="Items, each `name=value`, by list-valued key.")] = (
        msgspec.field(default_factory=dict)
    )


class KubeletConfigChanges(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Operations on the kubelet's configuration: `unset` first, then `set`; a field is named by its dotted path."""

    set: Annotated[dict[str, Any], Meta(description="Fields and their values.")] = msgspec.field(default_factory=dict)
    unset: Annotated[tuple[str, ...], Meta(description="Fields that are removed.")] = ()


class Taint(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A taint its nodes register with."""

    key: Annotated[str, Meta(description="Key of the taint.")]
    value: Annotated[str, Meta(description="Value of the taint.")] = ""
    effect: Annotated[Literal["NoSchedule", "PreferNoSchedule", "NoExecute"], Meta(description="What it does to pods.")]

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}"


class Substitutions(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """All of them; none by default. `labels` and `taints` are Kubernetes', `metadata` are Compute's items. What
    `metadata_files` name is in `metadata` too, once the folder is read."""

    kube_env: Annotated[KubeEnvChanges, Meta(description="Operations on kube-env.")] = KubeEnvChanges()
    kubelet_config: Annotated[KubeletConfigChanges, Meta(description="Operations on the kubelet's configuration.")] = (
        KubeletConfigChanges()
    )
    metadata: Annotated[dict[str, _Value], Meta(description="Metadata items and their values.")] = msgspec.field(
        default_factory=dict
    )
    metadata_files: Annotated[
        dict[str, str], Meta(description="Metadata items and the files that hold their values, beside this one.")
    ] = msgspec.field(default_factory=dict)
    labels: Annotated[dict[str, str], Meta(description="Node labels that are added.")] = msgspec.field(
        default_factory=dict
    )
    taints: Annotated[tuple[Taint, ...], Meta(description="Node taints that are added.")] = ()

    @property
    def touches_kube_env(self) -> bool:
        """Whether anything of it ends in kube-env."""
        return bool(self.kube_env != KubeEnvChanges() or self.labels or self.taints)


class SubstitutionError(ValueError):
    """Substitutions that cannot be made together or at all; the message names the key, never a value."""


def metadata_after(template: InstanceTemplate, wanted: Substitutions) -> dict[str, str]:
    """The template's metadata with everything substituted; the same again when applied again. SubstitutionError."""
    items = template.metadata | wanted.metadata
    if wanted.touches_kube_env:
        if template.kube_env is None:
            raise SubstitutionError("it has no kube-env to substitute in")
        if not template.kube_env.readable:
            raise SubstitutionError("its kube-env is no YAML mapping, so what a node makes of a change cannot be told")
        items["kube-env"] = kube_env_after(template.kube_env, wanted).render().reveal()
    if wanted.kubelet_config != KubeletConfigChanges():
        items[KUBELET_CONFIG] = _kubelet_config_after(items, wanted.kubelet_config)
    if "kube-labels" in items:
        try:
            for key, value in wanted.labels.items():
                items["kube-labels"] = lists.united("NODE_LABELS", items["kube-labels"], f"{key}={value}")
        except lists.ListError as error:
            raise SubstitutionError(f"kube-labels: {error}") from None
    return items


def _kubelet_config_after(items: dict[str, str], changes: KubeletConfigChanges) -> str:
    """The kubelet's configuration with its fields changed. SubstitutionError."""
    if (text := items.get(KUBELET_CONFIG)) is None:
        raise SubstitutionError(f"it has no {KUBELET_CONFIG} to change fields of")
    arguments = KubeEnv.parse(items.get("kube-env", "")).get("KUBELET_ARGS")
    flags = {word.partition("=")[0] for word in (arguments.reveal().split() if arguments else ())}
    try:
        for path in (*changes.unset, *changes.set):
            if (flag := kubelet_config.flag_of(path)) in flags:
                raise SubstitutionError(f"the kubelet's field {path} has no effect, because KUBELET_ARGS has {flag}")
        for path in changes.unset:
            text = kubelet_config.without_field(text, path)
        for path, value in changes.set.items():
            text = kubelet_config.with_field(text, path, value)
    except KubeletConfigError as error:
        raise SubstitutionError(str(error)) from None
    return text


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
