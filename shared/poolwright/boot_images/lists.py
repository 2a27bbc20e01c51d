"""Values of kube-env that are lists inside a text, and how an item is put into each.

    KUBELET_ARGS               --v=2 --node-labels=a=b,c=d --register-with-taints=k=v:NoSchedule
    AUTOSCALER_ENV_VARS        node_labels=a=b,c=d;node_taints=k=v:NoSchedule;os=linux
    NODE_LABELS, NODE_TAINTS   a=b,c=d   and   k=v:NoSchedule

An item is one `name=value` (in KUBELET_ARGS `--name=value`). It changes nothing where it stands already; where the
name has another value, labels and taints take the new one in beside it and everything else is a conflict.
"""

from __future__ import annotations

import re

_SEPARATORS = {"KUBELET_ARGS": " ", "AUTOSCALER_ENV_VARS": ";", "NODE_LABELS": ",", "NODE_TAINTS": ","}
_BETWEEN = {" ": re.compile(r"(\s+)"), ";": re.compile(r"(;)")}  # what stands between items, kept as it is
_LABELS = frozenset({"--node-labels", "node_labels", "NODE_LABELS"})
_TAINTS = frozenset({"--register-with-taints", "node_taints", "NODE_TAINTS"})


class ListError(ValueError):
    """An item that cannot be put in; the message names key and item, never the value of either."""


def appended(key: str, value: str, item: str) -> str:
    """The list `value` of `key` with the item in it; what was there stays as it was. ListError."""
    if key not in _SEPARATORS:
        raise ListError(f"kube-env key {key} is no list that can be appended to; those are {', '.join(_SEPARATORS)}")
    if key in _LABELS | _TAINTS:
        return united(key, value, item)
    separator = _SEPARATORS[key]
    between = _BETWEEN[separator]
    name, equals, content = item.partition("=")
    if not name.strip() or not equals or between.search(item) or "\n" in item or "\r" in item:
        raise ListError(f"an item for kube-env key {key} must be one name=value without {separator!r} or a line break")
    items = between.split(value)
    places = [place for place in range(0, len(items), 2) if items[place].partition("=")[0].strip() == name]
    if not places:
        return _joined(value, item, separator)
    contents = [items[place].partition("=")[2].strip() for place in places]
    if name in _LABELS | _TAINTS:
        present = ",".join(filter(None, contents))
        if (with_it := united(name, present, content)) == present:
            return value
        added = with_it[len(present) :].lstrip(",")
        items[places[0]] = _joined(items[places[0]].rstrip(), added, ",") if contents[0] else f"{name}={added}"
        return "".join(items)
    if any(present != content for present in contents):
        raise ListError(f"kube-env key {key} holds {name} already, with another value; unset it there first")
    return value


def united(name: str, value: str, more: str) -> str:
    """The comma-separated labels or taints in `value`, and those of `more` that are not among them. ListError."""
    taints = name in _TAINTS
    for item in more.split(","):
        if "=" not in item or (taints and ":" not in item):
            raise ListError(f"an item for {name} must be {'key=value:effect' if taints else 'key=value'}")
        present = [other for other in value.split(",") if _identity(other, taints) == _identity(item, taints)]
        if not present:
            value = _joined(value, item, ",")
        elif item not in present:
            raise ListError(f"{name} holds {_identity(item, taints)} already, with another value")
    return value


def _identity(item: str, taints: bool) -> str:
    """What there can be only one of: a label's key, or a taint's key and effect."""
    key = item.partition("=")[0].partition(":")[0].strip()
    return f"{key}:{item.rpartition(':')[2].strip()}" if taints else key


def _joined(value: str, item: str, separator: str) -> str:
    if not value.strip():
        return item
    return value + item if value.endswith(separator) else value + separator + item
