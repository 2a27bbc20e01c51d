"""The metadata of GKE's template as files, one key each, so that people can keep them and see what GKE changes.

    cluster-name            serving
    kubelet-config          the text as it is
    kube-env/KUBELET_ARGS   the value as the node reads it
    kube-env/KUBELET_KEY    <secret sha256:1f2e3d4c>

Only what is known to hold no credential is shown; everything else is a fingerprint.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator, Mapping

from poolwright.boot_images.changes import Change
from poolwright.boot_images.kube_env import SHOWN_KEYS
from poolwright.boot_images.resources import InstanceTemplate
from poolwright.secret import Secret

KUBE_ENV = "kube-env"

# What GKE itself puts there and what tells nothing but how a node is set up (docs/designs/which-template-is-gkes.md).
# Not `startup-script`, `ssh-keys` and whatever else a user may have put there.
SHOWN_ITEMS = frozenset(
    {
        "cluster-location",
        "cluster-name",
        "cluster-uid",
        "configure-sh",
        "disable-legacy-endpoints",
        "enable-oslogin",
        "gci-ensure-gke-docker",
        "gci-metrics-enabled",
        "gci-update-strategy",
        "google-compute-enable-pcid",
        "install-ssh-psm1",
        "kube-labels",
        "kubelet-config",
        "serial-port-logging-enable",
        "user-data",
    }
)

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]|\A\.")
_CREDENTIAL = re.compile(r"KEY|CERT|TOKEN|SECRET|PASSWORD|CREDENTIAL|PRIVATE")
_PRIVATE = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_SHORTEST = 8  # characters; anything shorter is found in every text


def files(template: InstanceTemplate) -> dict[str, str]:
    """Relative path -> content."""
    kube_env = {} if template.kube_env is None else template.kube_env.values
    hidden = tuple(_forms(kube_env))
    found = {
        _path(key): _shown(key, Secret(value), SHOWN_ITEMS, hidden)
        for key, value in template.metadata.items()
        if key != KUBE_ENV
    }
    for key, value in kube_env.items():
        found[f"{KUBE_ENV}/{_path(key)}"] = _shown(key, value, SHOWN_KEYS, hidden)
    return dict(sorted(found.items()))


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    """What differs between two fetches, by path; nothing where there was no fetch before."""
    if not before:
        return ()
    return tuple(_changes(before, after))


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Change]:
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old is None:
            yield Change(path, "added", None, new)
        elif new is None:
            yield Change(path, "removed", old, None)
        elif old != new:
            yield Change(path, "changed", old, new)


def _path(key: str) -> str:
    """A key as a file's name; what a file system would take amiss becomes `_`."""
    return _UNSAFE.sub("_", key)


def _shown(key: str, value: Secret[str], allowed: Collection[str], hidden: tuple[str, ...]) -> str:
    text = value.reveal()
    if key in allowed and not _PRIVATE.search(text) and not any(each in text for each in hidden):
        return text
    return f"{value}\n"


def _forms(kube_env: Mapping[str, Secret[str]]) -> Iterator[str]:
    """The credentials of a kube-env, and each in base64 and out of it: a shown text that holds one is not shown."""
    for key, value in kube_env.items():
        text = value.reveal().strip()
        if key in SHOWN_KEYS or not _CREDENTIAL.search(key) or len(text) < _SHORTEST:
            continue
        yield text
        yield base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()
        try:
            decoded = base64.b64decode(text, validate=True).decode()
        except ValueError:
            continue
        if len(decoded) >= _SHORTEST:
            yield decoded
