"""Bodies in Kubernetes' protobuf, read as the JSON they stand for. Answers are JSON: every such client takes that too.

client-go sends built-in objects this way by default. The form: https://kubernetes.io/docs/reference/using-api/api-concepts/
#protobuf-encoding. Which number is which field says `protobuf_fields.json`, made from the `protobuf` and `json` tags of
the Go types of k8s.io/api, apiextensions-apiserver and apimachinery v0.33.5, one line a type, a field as
`json-name type`: `?` marks a pointer, `[]` a list, `{}` a map of strings, `!` a field that is written when empty; a
field without a name is part of its parent.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from localcloud.kubernetes.clock import timestamp
from localcloud.kubernetes.errors import bad_request

Json = dict[str, Any]

MEDIA = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@cache
def _fields() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "protobuf_fields.json").read_text())
    return table


def decode(raw: bytes) -> Json:
    """The object in a body: `apiVersion`, `kind` and fields; 400 when it is not one that is known here."""
    if not raw.startswith(MAGIC):
        raise bad_request("the body does not begin as a Kubernetes protobuf object (the bytes `k8s` and zero)")
    try:
        envelope = dict(_wire(raw[len(MAGIC) :]))
        kind = {number: value.decode() for number, value in _wire(envelope.get(1, b""))}
        name = kind.get(2, "")
        return {"apiVersion": kind.get(1, ""), "kind": name, **_message(name, envelope.get(2, b""))}
    except KeyError as error:
        raise bad_request(f"protobuf objects of type {error} are not known here; send JSON") from None
    except (IndexError, struct.error, UnicodeDecodeError, AttributeError, TypeError) as error:
        raise bad_request(f"the protobuf body could not be decoded: {error}") from None


def _wire(data: bytes) -> Iterator[tuple[int, Any]]:
    """The numbered values of one message: integers, or bytes."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield number, value - (1 << 64) if value >> 63 else value
            continue
        if wire == _BYTES:
            size, at = _varint(data, at)
        else:
            size = {_FIXED64: 8, _FIXED32: 4}[wire]
        if at + size > len(data):
            raise IndexError("it ends too early")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def _message(name: str, data: bytes) -> Json:
    result: Json = {}
    fields = _fields()[name]
    for number, value in _wire(data):
        if (field := fields.get(str(number))) is None:
            continue  # of a newer release
        json_name, _, kind = field.rpartition(" ")
        if not json_name:
            result |= _message(kind, value)
            continue
        _put(result, json_name, kind.removeprefix("!"), value, keep=kind.startswith("!"))
    return result


def _put(result: Json, name: str, kind: str, value: Any, *, keep: bool) -> None:
    if kind.startswith("[]"):
        result.setdefault(name, []).append(_value(kind[2:], value))
    elif kind.startswith("{}"):
        entry = dict(_wire(value))
        result.setdefault(name, {})[entry.get(1, b"").decode()] = _value(kind[2:], entry.get(2, b""))
    else:
        found = _value(kind.removeprefix("?"), value)
        # What Go calls empty is left out of JSON, unless a pointer to it was set.
        if keep or kind.startswith("?") or found not in ("", 0, False, None, {}):
            result[name] = found


def _value(kind: str, value: Any) -> Any:
    read = _READERS.get(kind)
    return read(value) if read is not None else _message(kind, value)


def _time(data: bytes) -> str | None:
    parts = dict(_wire(data))
    return timestamp(parts[1]) if parts.get(1) else None


def _micro_time(data: bytes) -> str | None:
    parts = dict(_wire(data))
    return timestamp(parts[1])[:-1] + f".{parts.get(2, 0) // 1000:06d}Z" if parts.get(1) else None


def _int_or_string(data: bytes) -> int | str:
    parts = dict(_wire(data))
    return parts.get(3, b"").decode() if parts.get(1) else int(parts.get(2, 0))


def _raw(data: bytes) -> Any:
    return json.loads(dict(_wire(data)).get(1) or b"null")


def _schema_or_list(data: bytes) -> Any:
    """JSONSchemaPropsOrArray: a schema, or a list of them."""
    parts = list(_wire(data))
    listed = [_message("JSONSchemaProps", value) for number, value in parts if number == 2]
    return listed or _message("JSONSchemaProps", dict(parts)[1])


def _schema_or_bool(data: bytes) -> Any:
    parts = dict(_wire(data))
    return _message("JSONSchemaProps", parts[2]) if 2 in parts else bool(parts.get(1))


def _schema_or_strings(data: bytes) -> Any:
    parts = list(_wire(data))
    listed = [value.decode() for number, value in parts if number == 2]
    return listed or _message("JSONSchemaProps", dict(parts)[1])


_READERS: dict[str, Callable[[Any], Any]] = {
    "string": lambda value: value.decode() if value else "",
    "bytes": lambda value: base64.b64encode(value).decode(),
    "int": int,
    "bool": bool,
    "float": lambda value: struct.unpack("<d", value)[0],
    "Time": _time,
    "MicroTime": _micro_time,
    "Quantity": lambda value: dict(_wire(value)).get(1, b"0").decode(),
    "IntOrString": _int_or_string,
    "Duration": lambda value: f"{dict(_wire(value)).get(1, 0) / 1e9:g}s",
    "FieldsV1": _raw,
    "RawExtension": _raw,
    "JSON": _raw,
    "ExtraValue": lambda value: [item.decode() for _, item in _wire(value)],
    "JSONSchemaPropsOrArray": _schema_or_list,
    "JSONSchemaPropsOrBool": _schema_or_bool,
    "JSONSchemaPropsOrStringArray": _schema_or_strings,
}
