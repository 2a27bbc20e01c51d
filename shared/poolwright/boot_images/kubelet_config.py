"""The metadata item `kubelet-config`: the kubelet's configuration file, changed field by field, the rest as it stands.

GKE's is YAML, and JSON is YAML too (https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/). A field
is named by its path, `authentication.webhook.cacheTTL`; below the eviction fields a signal is one name with dots in it,
`evictionHard.memory.available`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

_SIGNALS = frozenset({"evictionHard", "evictionSoft", "evictionSoftGracePeriod", "evictionMinimumReclaim"})
HIDDEN = "staticPodURLHeader"  # the one field that may hold a credential
_UNPRINTED = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")  # in JSON as it is, in YAML not
_NOT_YAML = (yaml.YAMLError, ValueError, TypeError, RecursionError)
# Flags that are not called as their field is: AddKubeletConfigFlags of
# https://github.com/kubernetes/kubernetes/blob/master/cmd/kubelet/app/options/options.go
_FLAGS = {
    "imageGCHighThresholdPercent": "image-gc-high-threshold",
    "imageGCLowThresholdPercent": "image-gc-low-threshold",
    "podPidsLimit": "pod-max-pids",
    "registryPullQPS": "registry-qps",
    "staticPodPath": "pod-manifest-path",
}


class KubeletConfigError(ValueError):
    """A change that cannot be made; the message names the field and never a value."""


def keys_of(path: str) -> tuple[str, ...]:
    """The names on the way to a field. KubeletConfigError."""
    names = path.split(".")
    if not all(names):
        raise KubeletConfigError(f"{path!r} is no path to a field of the kubelet's configuration, such as maxPods")
    if names[0] in _SIGNALS and len(names) > 1:
        return names[0], ".".join(names[1:])
    return tuple(names)


def flag_of(path: str) -> str:
    """The kubelet's flag for a field, which would win over the file
    (https://kubernetes.io/docs/tasks/administer-cluster/kubelet-config-file/)."""
    name = keys_of(path)[0]
    return "--" + _FLAGS.get(name, re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower())


def with_field(text: str, path: str, value: Any) -> str:
    """The file with the field set to a value of JSON; the same text where it has that value. KubeletConfigError."""
    keys, content = keys_of(path), _content(text)
    wanted = json.loads(_canonical(content))
    inner = wanted
    for key in keys[:-1]:
        if inner.get(key) is None:
            inner[key] = {}
        inner = inner[key]
        if not isinstance(inner, dict):
            raise KubeletConfigError(f"{key} on the way to {path} holds no fields in the kubelet's configuration")
    inner[keys[-1]] = value
    if _canonical(wanted) == _canonical(content):
        return text
    return _checked(_set(text, _root(text), keys, value), wanted, path)


def without_field(text: str, path: str) -> str:
    """The file without the field; the same text where it has none. KubeletConfigError."""
    keys, content = keys_of(path), _content(text)
    wanted = json.loads(_canonical(content))
    inner: Any = wanted
    for key in keys[:-1]:
        inner = inner.get(key) if isinstance(inner, dict) else None
    if not isinstance(inner, dict) or keys[-1] not in inner:
        return text
    del inner[keys[-1]]
    return _checked(_unset(text, _root(text), keys), wanted, path)


def fields(text: str) -> dict[str, str] | None:
    """Every field by its path, values as JSON; None where it is no kubelet configuration."""
    try:
        content = _content(text)
    except KubeletConfigError:
        return None
    return dict(_flat(content, ""))


def _flat(content: Mapping[str, Any], before: str) -> list[tuple[str, str]]:
    found = []
    for key, value in content.items():
        path = f"{before}{key}"
        found += _flat(value, f"{path}.") if isinstance(value, dict) and value else [(path, _canonical(value))]
    return found


def _content(text: str) -> dict[str, Any]:
    """As the kubelet reads it. The library's errors, which quote the text, end here."""
    try:
        content = yaml.safe_load(text)
    except _NOT_YAML:
        content = None
    if not isinstance(content, dict):
        raise KubeletConfigError("kubelet-config is no YAML mapping, so no field of it can be changed")
    if content.get("kind") != "KubeletConfiguration":
        raise KubeletConfigError("kubelet-config is of another kind than KubeletConfiguration")
    return content


def _root(text: str) -> yaml.MappingNode:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)  # _content has seen it
    return root


def _checked(text: str, wanted: dict[str, Any], path: str) -> str:
    try:
        same = _canonical(_content(text)) == _canonical(wanted)
    except KubeletConfigError:
        same = False
    if not same:
        raise KubeletConfigError(f"{path} of kubelet-config cannot be changed without changing other fields")
    return text


def _set(text: str, node: yaml.MappingNode, keys: tuple[str, ...], value: Any) -> str:
    key, *more = keys
    found = _pair(node, key)
    if found is not None:
        name, inner = found
        if more and isinstance(inner, yaml.MappingNode) and inner.value:
            return _set(text, inner, tuple(more), value)
        end = max(_end(inner, text), name.end_mark.index + 1)  # an empty value ends perhaps before the colon
        return f"{text[: name.end_mark.index]}: {_json(_nested(more, value))}{text[end:]}"
    entry = f"{json.dumps(key) if node.flow_style else key}: {_json(_nested(more, value))}"
    first = node.value[0][0].start_mark
    gap = ", " if node.flow_style else f"\n{' ' * first.column}"
    return f"{text[: first.index]}{entry}{gap}{text[first.index :]}"


def _unset(text: str, node: yaml.MappingNode, keys: tuple[str, ...]) -> str:
    *way, last = keys
    owner = None
    for key in way:
        owner = _pair(node, key)
        assert owner is not None and isinstance(owner[1], yaml.MappingNode)  # without_field has gone the same way
        node = owner[1]
    pairs = node.value
    place = max(place for place, (name, _) in enumerate(pairs) if name.value == last)
    name, inner = pairs[place]
    if len(pairs) == 1:
        start, end = (owner[0].end_mark.index, _end(node, text)) if owner else (0, len(text))
        return f"{text[:start]}{': ' if owner else ''}{{}}{text[end:]}"
    if node.flow_style:
        start = _end(pairs[place - 1][1], text) if place else name.start_mark.index
        end = _end(inner, text) if place else pairs[1][0].start_mark.index
        return text[:start] + text[end:]
    start = name.start_mark.index
    following = text.find("\n", max(_end(inner, text), name.end_mark.index)) + 1 or len(text)
    line = text.rfind("\n", 0, start) + 1
    if not text[line:start].strip():
        return text[:line] + text[following:]
    return text[:start] + text[following:].removeprefix(" " * name.start_mark.column)  # behind the dash of a list


def _pair(node: yaml.Node, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    """Key and value; of a repeated key the last, which counts."""
    pairs: list[tuple[yaml.Node, yaml.Node]] = node.value if isinstance(node, yaml.MappingNode) else []
    return next((pair for pair in reversed(pairs) if pair[0].value == key), None)


def _end(node: yaml.Node, text: str) -> int:
    """Where the value's text ends; a block's end mark stands behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last, text)
    return len(text[: node.end_mark.index].rstrip())


def _nested(names: list[str], value: Any) -> Any:
    for name in reversed(names):
        value = {name: value}
    return value


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _UNPRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _canonical(value: Any) -> str:
    """Equal exactly for what is equal as JSON: 1 is not true."""
    return json.dumps(value, sort_keys=True, default=str)
