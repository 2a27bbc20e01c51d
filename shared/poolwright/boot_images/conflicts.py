"""What is wrong with substitutions whatever the pool, so that an environment file is refused and not each plan."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from poolwright.boot_images import kubelet_config
from poolwright.boot_images.kube_env import KubeEnv
from poolwright.boot_images.kubelet_config import KubeletConfigError
from poolwright.boot_images.substitutions import (
    KUBELET_CONFIG,
    KubeEnvChanges,
    KubeletConfigChanges,
    SubstitutionError,
    Substitutions,
    kube_env_after,
)

LARGEST_ITEM = 256 * 1024  # bytes: https://cloud.google.com/compute/docs/metadata/setting-custom-metadata#limitations

_NOT_REPLACED = frozenset({"cluster-location", "cluster-name", "cluster-uid", "kube-env", "kube-labels"})
_ITEM_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?\Z")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\Z")
_PREFIX = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\Z")
# Enough of a kube-env to try changes on, before there is a pool.
_TRIAL = "AUTOSCALER_ENV_VARS: trial=1\nKUBELET_ARGS: --trial=1\n"


def problems(wanted: Substitutions) -> tuple[tuple[str, str], ...]:
    """Where, and a sentence, for each conflict and each thing that no pool takes."""
    labels = tuple(_in_labels(wanted))
    return (*_in_kube_env(wanted, tried=not labels), *_in_kubelet_config(wanted), *_in_metadata(wanted), *labels)


def _in_kube_env(wanted: Substitutions, *, tried: bool) -> Iterator[tuple[str, str]]:
    changes = wanted.kube_env
    for key in sorted({*changes.set, *changes.append} & {*changes.unset}):
        tried = False
        yield f"kubeEnv.unset.{key}", f"kube-env key {key} is both set and unset; keep one of them."
    for key in sorted({*changes.set} & {*changes.append}):
        tried = False
        yield f"kubeEnv.append.{key}", f"kube-env key {key} is both set and appended to; put the item into its value."
    try:
        if tried:
            kube_env_after(KubeEnv.parse(_TRIAL), wanted)
    except SubstitutionError as error:
        yield "kubeEnv", f"The changes cannot be made together: {error}."


def _in_kubelet_config(wanted: Substitutions) -> Iterator[tuple[str, str]]:
    changes = wanted.kubelet_config
    for path in (*changes.unset, *changes.set):
        try:
            kubelet_config.keys_of(path)
            kubelet_config.with_field("{kind: KubeletConfiguration}", path, changes.set.get(path))
        except (KubeletConfigError, TypeError, ValueError) as error:
            text = f"{error}." if isinstance(error, KubeletConfigError) else f"The value of {path} is none of JSON's."
            yield f"kubeletConfig.{path}", text
    for path in sorted({*changes.set} & {*changes.unset}):
        yield f"kubeletConfig.unset.{path}", f"The kubelet's field {path} is both set and unset; keep one of them."
    if wanted.kubelet_config != KubeletConfigChanges() and KUBELET_CONFIG in {*wanted.metadata, *wanted.metadata_files}:
        yield "kubeletConfig", f"The metadata item {KUBELET_CONFIG} is replaced as a whole too; keep one of them."


def _in_metadata(wanted: Substitutions) -> Iterator[tuple[str, str]]:
    for field, keys in (("metadata", wanted.metadata), ("metadataFiles", wanted.metadata_files)):
        for key in keys:
            if key in _NOT_REPLACED:
                text = f"The metadata item {key} is GKE's: kube-env is changed through kubeEnv, the others not at all."
                yield f"{field}.{key}", text
            elif not _ITEM_KEY.match(key):
                yield f"{field}.{key}", f"{key!r} is no key of metadata: letters, digits, _ and -, 128 at most."
    for key, value in wanted.metadata.items():
        if (size := len(value.encode("utf-8", "surrogatepass"))) > LARGEST_ITEM:
            yield f"metadata.{key}", f"Metadata item {key} would have {size} bytes, more than {LARGEST_ITEM}."


def _in_labels(wanted: Substitutions) -> Iterator[tuple[str, str]]:
    labels = [(f"labels.{key}", key, value) for key, value in wanted.labels.items()]
    for path, key, value in (*labels, *_appended(wanted.kube_env)):
        if not _kubelet_may_set(key):
            yield path, f"The kubelet refuses to register its node with the label {key}; take a prefix of your own."
        if not _legal(key, value):
            yield path, f"Kubernetes allows no label {key} with this value."
    for place, taint in enumerate(wanted.taints):
        if not _legal(taint.key, taint.value):
            yield f"taints[{place}]", f"Kubernetes allows no taint {taint.key} with this value."
    for (key, effect), count in Counter((taint.key, taint.effect) for taint in wanted.taints).items():
        if count > 1:
            yield "taints", f"There are {count} taints {key} of effect {effect}; a node has one."


def _appended(changes: KubeEnvChanges) -> Iterator[tuple[str, str, str]]:
    """Where, key and value of the labels that nodes get through kube-env itself."""
    for name, argument in (("KUBELET_ARGS", "--node-labels="), ("NODE_LABELS", "")):
        for place, item in enumerate(changes.append.get(name, ())):
            for label in item.removeprefix(argument).split(",") if item.startswith(argument) else ():
                key, _, value = label.partition("=")
                yield f"kubeEnv.append.{name}[{place}]", key, value


def _legal(key: str, value: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(_NAME.match(name) and (not slash or _PREFIX.match(prefix)) and _VALUE.match(value))


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
