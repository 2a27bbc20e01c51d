"""The text under `kube-env` in a GKE node's metadata: read without loss, changed entry by entry.

The node reads it with PyYAML's BaseLoader, for which every scalar is a text (`configure.sh` in
https://github.com/kubernetes/kubernetes/tree/master/cluster/gce/gci). So the same library says here where an entry
begins and ends; a text that it cannot read is cut into lines that look like `KEY: value` and what continues them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from poolwright.boot_images import lists
from poolwright.boot_images.changes import Change, differences
from poolwright.secret import Secret

# Keys whose values tell an operator something and can hold no credential. Everything else is a fingerprint.
SHOWN_KEYS = frozenset(
    {
        "ALLOCATE_NODE_CIDRS",
        "AUTOSCALER_ENV_VARS",
        "CLUSTER_NAME",
        "CONTAINER_RUNTIME",
        "CONTAINER_RUNTIME_NAME",
        "ENABLE_NODE_LOGGING",
        "ENABLE_NODE_PROBLEM_DETECTOR",
        "GCI_VERSION",
        "KUBELET_ARGS",
        "KUBERNETES_MASTER",
        "LOGGING_DESTINATION",
        "NODE_LABELS",
        "NODE_LOCAL_SSDS_EPHEMERAL",
        "NODE_TAINTS",
        "SERVER_BINARY_TAR_HASH",
        "SERVER_BINARY_TAR_URL",
        "ZONE",
    }
)

_LINE_KEY = re.compile(r"^([A-Za-z_][A-Za-z0-9_.-]*):(?=[ \t\r\n]|\Z)", re.MULTILINE)
_LINE_BREAK = re.compile(r"\r\n|[\r\n\x85\u2028\u2029]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NOT_YAML = (yaml.YAMLError, ValueError, TypeError, RecursionError)  # what BaseLoader raises on odd texts


class KubeEnvError(ValueError):
    """A change that cannot be made; the message names the key and never a value."""


@dataclass(frozen=True)
class _Entry:
    """An entry's place in the text: its key up to `key_end`, its value up to `end`, space behind it excluded."""

    key: str
    start: int
    key_end: int
    end: int
    value: Secret[str]
    nested: bool = False


@dataclass(frozen=True, repr=False)
class KubeEnv:
    """An immutable kube-env. Whatever an operation does not name comes out byte for byte."""

    text: Secret[str]

    @classmethod
    def parse(cls, text: str | Secret[str]) -> KubeEnv:
        """From the metadata value; every text is accepted."""
        return cls(text if isinstance(text, Secret) else Secret(text))

    def render(self) -> Secret[str]:
        """The metadata value."""
        return self.text

    def __repr__(self) -> str:
        return f"<kube-env of {len(self.keys)} keys>"

    @property
    def readable(self) -> bool:
        """Whether the node can read it at all."""
        return self._parsed[1] is not None

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys in their order, each once."""
        return tuple(dict.fromkeys(entry.key for entry in self._entries))

    @property
    def values(self) -> dict[str, Secret[str]]:
        """Every key's value as the node reads it: of a repeated key the last."""
        return {entry.key: entry.value for entry in self._entries}

    def get(self, key: str) -> Secret[str] | None:
        """The value of one key, or None."""
        return self.values.get(key)

    def set(self, key: str, value: str) -> KubeEnv:
        """The key with this value; a new key stands before all others. KubeEnvError."""
        if not _NAME.match(key):
            raise KubeEnvError(f"{key!r} cannot be a kube-env key: the node makes a shell variable of it")
        found = self._last(key)
        if found is None:
            return self._changed(self._inserted(key, value), key)
        if found.value == Secret(value) and not found.nested:
            return self
        if found.nested:
            raise KubeEnvError(f"kube-env key {key} holds a nested value; only texts can be replaced")
        text = self.text.reveal()
        return self._changed(f"{text[: found.key_end]}: {_scalar(value)}{text[found.end :]}", key)

    def unset(self, key: str) -> KubeEnv:
        """Without the key, however often it stands there. KubeEnvError."""
        text = self.text.reveal()
        for entry in reversed([entry for entry in self._entries if entry.key == key]):
            line_end = _LINE_BREAK.search(text, entry.end)
            text = text[: self._line_start(entry)] + text[line_end.end() if line_end else len(text) :]
        return self if text == self.text.reveal() else self._changed(text, key)

    def append(self, key: str, item: str) -> KubeEnv:
        """The list-valued key with the item in it, put there as `lists` says. KubeEnvError."""
        found = self.get(key)
        try:
            value = lists.appended(key, found.reveal() if found else "", item)
        except lists.ListError as error:
            raise KubeEnvError(str(error)) from None
        return self.set(key, value)

    def _last(self, key: str) -> _Entry | None:
        return next((entry for entry in reversed(self._entries) if entry.key == key), None)

    def _line_start(self, entry: _Entry) -> int:
        """Where the entry's line begins, if only its indentation stands before it, else where the entry does."""
        text = self.text.reveal()
        indent = len(text[: entry.start]) - len(text[: entry.start].rstrip(" "))
        before = text[: entry.start - indent]
        return entry.start - indent if not before or _LINE_BREAK.fullmatch(before[-1]) else entry.start

    def _inserted(self, key: str, value: str) -> str:
        # In front, not at the end: a line break added there would become part of a block scalar that has none.
        text = self.text.reveal()
        line_break = found[0] if (found := _LINE_BREAK.search(text)) else "\n"
        if not self._entries:
            gap = "" if not text or _LINE_BREAK.fullmatch(text[-1]) else line_break
            return f"{text}{gap}{key}: {_scalar(value)}{line_break}"
        first = self._entries[0]
        indent = text[self._line_start(first) : first.start]
        return f"{text[: first.start]}{key}: {_scalar(value)}{line_break}{indent}{text[first.start :]}"

    def _changed(self, text: str, key: str) -> KubeEnv:
        """The changed text, once it is sure that the node sees this key changed and nothing else. KubeEnvError."""
        after = KubeEnv.parse(text)
        seen, seen_after = self._parsed[1], after._parsed[1]
        if seen is not None and (seen_after is None or _without(seen, key) != _without(seen_after, key)):
            raise KubeEnvError(f"kube-env key {key} cannot be changed without changing how the node reads other keys")
        return after

    @property
    def _entries(self) -> tuple[_Entry, ...]:
        return self._parsed[0]

    @cached_property
    def _parsed(self) -> tuple[tuple[_Entry, ...], Mapping[str, Secret[str]] | None]:
        """The entries, and what the node sees: None where it cannot read the text."""
        text = self.text.reveal()
        read = _read_as_yaml(text)
        if read is None:
            return _entries_of_lines(text), None
        root, seen = read
        shell = {str(key): Secret(str(value)) for key, value in seen.items()}  # str: as the node makes shell of it
        return _entries_of_yaml(root, text), shell


def diff(before: KubeEnv, after: KubeEnv, *, prefix: str = "") -> tuple[Change, ...]:
    """The keys that differ, as the node reads them; values outside `SHOWN_KEYS` as fingerprints."""
    return differences(before.values, after.values, shown=SHOWN_KEYS, prefix=prefix)


def _without(seen: Mapping[str, Secret[str]], key: str) -> dict[str, Secret[str]]:
    return {name: value for name, value in seen.items() if name != key}


def _scalar(value: str) -> str:
    """The value as YAML in one line: bare where that reads back the same, else in double quotes."""
    if not _LINE_BREAK.search(value):
        try:
            if yaml.load(f"K: {value}", Loader=yaml.BaseLoader) == {"K": value}:  # noqa: S506  it builds texts only
                return value
        except _NOT_YAML:
            pass  # it needs the quotes
    quoted: str = yaml.dump(value, Dumper=yaml.SafeDumper, default_style='"', width=float("inf"))
    return quoted.rstrip("\n")


def _read_as_yaml(text: str) -> tuple[yaml.Node | None, dict[Any, Any]] | None:
    """The mapping's node and content, or None. The library's errors, which quote the text, end here."""
    try:
        loader = yaml.BaseLoader(text)
        root = loader.get_single_node()
        content = loader.construct_document(root) if root else {}
    except _NOT_YAML:
        return None
    return (root, content) if isinstance(content, dict) else None


def _entries_of_yaml(root: yaml.Node | None, text: str) -> tuple[_Entry, ...]:
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        return ()
    entries = []
    for key, value in root.value:
        scalar = isinstance(value, yaml.ScalarNode)
        # A block's end mark stands behind the line breaks that follow it, an empty value's perhaps before the colon.
        end = max(key.end_mark.index + 1, len(text[: value.end_mark.index].rstrip()))
        content = value.value if scalar else text[value.start_mark.index : end]
        entries.append(
            _Entry(key.value, key.start_mark.index, key.end_mark.index, end, Secret(content), nested=not scalar)
        )
    return tuple(entries)


def _entries_of_lines(text: str) -> tuple[_Entry, ...]:
    heads = list(_LINE_KEY.finditer(text))
    stops = [head.start() for head in heads[1:]] + [len(text)]
    entries = []
    for head, stop in zip(heads, stops, strict=False):
        end = max(head.end(), len(text[:stop].rstrip()))
        entries.append(_Entry(head[1], head.start(), head.end(1), end, Secret(text[head.end() : end].strip())))
    return tuple(entries)
