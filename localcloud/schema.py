"""The surfaces of Google's APIs, derived from the public client libraries: nothing of a schema is typed again here.

A generated client knows, for every method, its request and response messages, its HTTP rule(s)
(`rest_base.py`, google.api.http transcoding, AIP-127) and its gRPC path. `methods_of` collects them;
`HttpRule.match` turns a path into fields; `parse` reads JSON as strictly as Google does.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import typing
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from localcloud.errors import bad_request

MessageType = type[Message]


@dataclass(frozen=True)
class HttpRule:
    """One HTTP binding: a verb, a path template and which field is the body (None, a name, or `*`)."""

    verb: str
    template: str
    body: str | None
    pattern: re.Pattern[str] = field(repr=False)

    def match(self, verb: str, path: str) -> dict[str, str] | None:
        """The path's variables by (dotted, snake_case) field name, or None."""
        if verb != self.verb or not (found := self.pattern.fullmatch(path)):
            return None
        return {name.replace("__", "."): unquote(value) for name, value in found.groupdict().items()}


@dataclass(frozen=True)
class Method:
    """One method of an API. `name` is Google's (`CreateNodePool`, `insert` of `instanceGroupManagers` is `Insert`)."""

    service: str
    name: str
    request: MessageType
    response: MessageType
    rules: tuple[HttpRule, ...]
    grpc_path: str | None
    streaming: bool = False


def _pattern(template: str) -> re.Pattern[str]:
    """AIP-127's path template as a regular expression; groups are named by field, dots as `__`."""
    out, position = "", 0
    for variable in re.finditer(r"\{([^}=]+)(?:=([^}]+))?\}", template):
        out += re.escape(template[position : variable.start()])
        segments = variable.group(2) or "*"
        inner = re.escape(segments).replace(r"\*\*", ".+").replace(r"\*", "[^/]+")
        if template[variable.end() : variable.end() + 1] == ":":
            inner = inner.replace("[^/]+", "[^/:]+")
        out += f"(?P<{variable.group(1).replace('.', '__')}>{inner})"
        position = variable.end()
    return re.compile(out + re.escape(template[position:]))


def rule(verb: str, template: str, body: str | None = None) -> HttpRule:
    """An HTTP rule by hand, for the one library that ships no REST transport (Monitoring)."""
    return HttpRule(verb=verb.upper(), template=template, body=body, pattern=_pattern(template))


def _plain(kind: Any) -> MessageType:
    """The protobuf class under a proto-plus class."""
    return typing.cast(MessageType, kind.pb()) if hasattr(kind, "pb") else kind


class _Recorder:
    """A gRPC channel that only notes what a generated transport would call, with which messages."""

    def __init__(self) -> None:
        self.calls: dict[str, tuple[MessageType | None, MessageType, bool]] = {}

    def _note(self, path: str, request_serializer: Any, response_deserializer: Any, **_: Any) -> str:
        self._last(path, request_serializer, response_deserializer, False)
        return path

    def _note_stream(self, path: str, request_serializer: Any, response_deserializer: Any, **_: Any) -> str:
        self._last(path, request_serializer, response_deserializer, True)
        return path

    unary_unary = _note
    unary_stream = stream_stream = stream_unary = _note_stream

    def _last(self, path: str, serializer: Any, deserializer: Any, streaming: bool) -> None:
        # `Empty.SerializeToString` is a method of every message and does not tell its class.
        request = getattr(serializer, "__self__", None)
        response = getattr(deserializer, "__self__", None)
        self.calls[path] = (_plain(request) if request else None, _plain(response), streaming)


def _annotated_request(stub: property) -> Any:
    """The request class of a stub: `Callable[[GetIamPolicyRequest], ...]`."""
    annotation = typing.get_type_hints(stub.fget)["return"]
    return typing.get_args(annotation)[0][0]


def _grpc_methods(package: str, service_module: str, transport_name: str) -> dict[str, tuple[str, Any, Any, bool]]:
    """name -> (path, request, response, streaming) from the generated gRPC transport."""
    module = importlib.import_module(f"{package}.services.{service_module}.transports.grpc")
    transport_type = getattr(module, transport_name)
    transport = transport_type.__new__(transport_type)
    recorder = _Recorder()
    transport._stubs = {}
    transport._logged_channel = transport._grpc_channel = recorder
    found = {}
    for name, member in inspect.getmembers(transport_type):
        if isinstance(member, property) and name not in ("kind", "host", "grpc_channel", "operations_client"):
            try:
                path = member.fget(transport)  # type: ignore[misc]
            except (AttributeError, TypeError):
                continue
            if isinstance(path, str):
                request, response, streaming = recorder.calls[path]
                request = request or _annotated_request(member)
                found[path.rpartition("/")[2]] = (path, request, response, streaming)
    return found


def _rest_methods(package: str, service_module: str, prefix: str) -> dict[str, tuple[Any, Any, tuple[HttpRule, ...]]]:
    """name -> (request, response, rules) from the generated REST transport."""
    base = importlib.import_module(f"{package}.services.{service_module}.transports.rest_base")
    rest = importlib.import_module(f"{package}.services.{service_module}.transports.rest")
    base_transport = getattr(base, f"_Base{prefix}RestTransport")
    rest_transport = getattr(rest, f"{prefix}RestTransport")
    found = {}
    for name, stub in vars(rest_transport).items():
        options = getattr(getattr(base_transport, f"_Base{name[1:]}", None), "_get_http_options", None)
        if options is None:
            continue
        signature = inspect.signature(stub.__call__)
        request = _plain(signature.parameters["request"].annotation)
        answer = signature.return_annotation
        if answer in (None, inspect.Signature.empty):
            from google.protobuf.empty_pb2 import Empty

            response: Any = Empty
        else:
            response = _plain(answer) if inspect.isclass(answer) else Message
        rules = tuple(rule(each["method"], each["uri"], each.get("body")) for each in options())
        found[name[1:]] = (request, response, rules)
    return found


def methods_of(package: str, service_module: str, prefix: str, *, grpc_too: bool = True) -> list[Method]:
    """Every method of one service of a generated client.

    `package`: the library's module, e.g. `google.cloud.container_v1`; `service_module`: the folder under
    `services`; `prefix`: the transports' class prefix, e.g. `ClusterManager`.
    """
    has_rest = importlib.util.find_spec(f"{package}.services.{service_module}.transports.rest") is not None
    rest = _rest_methods(package, service_module, prefix) if has_rest else {}
    remote = _grpc_methods(package, service_module, f"{prefix}GrpcTransport") if grpc_too else {}
    methods = []
    for name in sorted(rest.keys() | remote.keys()):
        path, request, response, streaming = remote.get(name, (None, None, None, False))
        rest_request, rest_response, rules = rest.get(name, (None, None, ()))
        methods.append(
            Method(
                service=path.split("/")[1] if path else service_module,
                name=name,
                request=request or rest_request,
                response=response or rest_response,
                rules=rules,
                grpc_path=path,
                streaming=streaming,
            )
        )
    return methods


@lru_cache(maxsize=4096)
def fields_by_json(descriptor: Descriptor) -> dict[str, FieldDescriptor]:
    """Fields by either of the names that JSON may use."""
    return {each.json_name: each for each in descriptor.fields} | {each.name: each for each in descriptor.fields}


def parse(body: Any, kind: MessageType, *, prefix: str = "") -> Message:
    """JSON -> message, as strict as Google: unknown names and wrong types are refused with every violation named."""
    violations: list[tuple[str, str]] = []
    if not isinstance(body, dict):
        raise bad_request([("", "Invalid JSON payload received. Root element must be a message.")])
    _check(body, kind.DESCRIPTOR, prefix, violations)
    if violations:
        raise bad_request(violations)
    message = kind()
    try:
        json_format.ParseDict(body, message)
    except json_format.ParseError as wrong:
        raise bad_request([(prefix, f"Invalid value at '{prefix}': {wrong}")]) from None
    return message


_SPECIAL = ("google.protobuf.",)


def _check(value: dict[str, Any], descriptor: Descriptor, at: str, violations: list[tuple[str, str]]) -> None:
    known = fields_by_json(descriptor)
    for name, item in value.items():
        if (field_ := known.get(name)) is None:
            where = f" at '{at}'" if at else ""
            violations.append((at, f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.'))
            continue
        path = f"{at}.{field_.name}" if at else str(field_.name)
        if item is not None:
            _check_field(item, field_, path, violations)


def _check_field(item: Any, field_: FieldDescriptor, path: str, violations: list[tuple[str, str]]) -> None:
    if field_.message_type is not None and field_.message_type.GetOptions().map_entry:
        value_field = field_.message_type.fields_by_name["value"]
        if not isinstance(item, dict):
            violations.append(_wrong(path, item, field_))
            return
        for key, each in item.items():
            _check_one(each, value_field, f"{path}[{key!r}]", violations)
        return
    if field_.is_repeated:
        if not isinstance(item, list):
            # Google's JSON reader takes a lone value for a list of one; a message there is refused.
            violations.append(_wrong(path, item, field_))
            return
        for index, each in enumerate(item):
            _check_one(each, field_, f"{path}[{index}]", violations)
        return
    _check_one(item, field_, path, violations)


def _check_one(item: Any, field_: FieldDescriptor, path: str, violations: list[tuple[str, str]]) -> None:
    message = field_.message_type
    if message is not None:
        if problem := time_problem(item, message.full_name):
            kind = kind_name(field_)
            violations.append((path, f"Invalid value at '{path}' ({kind}), Field '{field_.json_name}', {problem}"))
        if message.full_name.startswith(_SPECIAL):
            return
        if isinstance(item, dict):
            _check(item, message, path, violations)
        else:
            violations.append(_wrong(path, item, field_))
        return
    if not _scalar_fits(item, field_):
        violations.append(_wrong(path, item, field_))


def time_problem(item: Any, kind: str) -> str:
    """What Google says of a Duration or Timestamp (`kind`: the message's full name) it cannot read; "" if it can."""
    if kind == "google.protobuf.Duration":
        if not isinstance(item, str):
            return f"Invalid data type for duration, value is {item}"
        if not item.endswith("s"):
            return "Illegal duration format; duration must end with 's'"
        return "" if _DURATION.fullmatch(item) else "Invalid duration format, failed to parse seconds"
    if kind == "google.protobuf.Timestamp":
        if not isinstance(item, str):
            return f"Invalid data type for timestamp, value is {item}"
        if not _ZONE.search(item):
            return "Illegal timestamp format; timestamps must end with 'Z' or have a valid timezone offset."
        return "" if _TIMESTAMP.fullmatch(item) else "Invalid time format: Failed to parse input"
    return ""


_DURATION = re.compile(r"-?\d+(\.\d{1,9})?s")
_ZONE = re.compile(r"(?:[Zz]|[+-]\d\d:\d\d)$")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)")

_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: ("TYPE_INT32", -(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: ("TYPE_INT64", -(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: ("TYPE_UINT32", 0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: ("TYPE_UINT64", 0, 2**64 - 1),
}


def _scalar_fits(item: Any, field_: FieldDescriptor) -> bool:
    kind = field_.cpp_type
    if kind in _INTEGERS:
        _, low, high = _INTEGERS[kind]
        try:
            number = int(item) if not isinstance(item, float) else int(item) if item.is_integer() else None
        except (TypeError, ValueError):
            return False
        return number is not None and not isinstance(item, bool) and low <= number <= high
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return isinstance(item, bool)
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return isinstance(item, str)
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return isinstance(item, int) or item in field_.enum_type.values_by_name
    return isinstance(item, int | float | str) and not isinstance(item, bool)


def kind_name(field_: FieldDescriptor) -> str:
    """How Google names a field's type in an error."""
    if field_.message_type is not None:
        return f"type.googleapis.com/{field_.message_type.full_name}"
    if field_.enum_type is not None:
        return f"type.googleapis.com/{field_.enum_type.full_name}"
    scalars = {
        FieldDescriptor.CPPTYPE_BOOL: "TYPE_BOOL",
        FieldDescriptor.CPPTYPE_STRING: "TYPE_STRING",
        FieldDescriptor.CPPTYPE_DOUBLE: "TYPE_DOUBLE",
        FieldDescriptor.CPPTYPE_FLOAT: "TYPE_FLOAT",
    }
    return scalars.get(field_.cpp_type) or _INTEGERS[field_.cpp_type][0]


def _wrong(path: str, item: Any, field_: FieldDescriptor) -> tuple[str, str]:
    shown = f'"{item}"' if isinstance(item, str) else str(item).lower() if isinstance(item, bool) else str(item)
    return path, f"Invalid value at '{path}' ({kind_name(field_)}), {shown}"


def to_json(message: Message) -> dict[str, Any]:
    """A message as the JSON Google prints: lowerCamelCase, 64-bit integers as strings, unset fields left out."""
    return dict(json_format.MessageToDict(message))
