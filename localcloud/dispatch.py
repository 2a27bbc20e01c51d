"""From a request to a handler and back: one way for REST and gRPC, for every API of the stand-in."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import logging
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import msgspec
from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import code_pb2, status_pb2
from grpc_status import rpc_status

from localcloud import calls, fieldmask, latency, schema
from localcloud.batch import answer_batch
from localcloud.calls import CallRecord
from localcloud.errors import GoogleError, Style, bad_request
from localcloud.schema import Method
from localcloud.world import World

log = logging.getLogger(__name__)

Answer = dict[str, Any]
Handler = Callable[["Call"], Answer | Awaitable[Answer]]

REMEMBERED = 200  # answers of an API, as they were printed

# Query parameters every Google API takes (https://cloud.google.com/apis/docs/system-parameters).
SYSTEM_PARAMETERS = {
    "alt", "$alt", "fields", "$fields", "key", "prettyPrint", "$prettyPrint", "quotaUser", "userIp", "callback",
    "access_token", "oauth_token", "upload_protocol", "uploadType", "$.xgafv", "$userProject", "trace",
}  # fmt: skip


@dataclass
class Call:
    """One call: the request as JSON (lowerCamelCase, path variables and query included) and, for PATCH, the body
    as it came, nulls and all."""

    method: Method
    params: dict[str, Any]
    raw_body: dict[str, Any] = field(default_factory=dict)
    caller: str = ""
    authorization: str = ""


class Api:
    """One Google API: its host, the methods its client library knows, and the handlers we have for them.

    `handlers` by `Method.service` + "." + `Method.name`; a method without one is answered 501 UNIMPLEMENTED.
    `aliases`: path prefixes that mean another one (`/compute/beta/` for `/compute/v1/`).
    `ignored`: query parameters that Google takes and the client library does not know. `style`: of its errors.
    """

    def __init__(
        self,
        *,
        world: World,
        host: str,
        methods: list[Method],
        handlers: Mapping[str, Handler],
        aliases: Mapping[str, str] | None = None,
        ignored: Collection[str] = (),
        style: Style = "plain",
    ) -> None:
        self.world = world
        self.host = host
        self.methods = {f"{each.service}.{each.name}": each for each in methods}
        unknown = handlers.keys() - self.methods.keys()
        if unknown:
            raise ValueError(f"{host}: handlers for methods that the client library does not know: {sorted(unknown)}")
        self.handlers = handlers
        self.aliases = dict(aliases or {})
        self.style = style
        self.ignored = SYSTEM_PARAMETERS.union(ignored)
        self._newest: dict[tuple[str, str, str, bytes], Answer] = {}
        self._by_verb: dict[str, list[tuple[schema.HttpRule, Method]]] = {}
        for method in methods:
            for rule in method.rules:
                self._by_verb.setdefault(rule.verb, []).append((rule, method))

    async def invoke(self, call: Call) -> Answer:
        """Run the handler, through the latency and the faults in force, and note the call."""
        name = f"{call.method.service}.{call.method.name}"
        short = f"{call.method.service.rpartition('.')[2]}.{call.method.name}"
        code = 200
        try:
            await latency.take(self.world, self.host, short)
            fault = self.world.faults.strike(short)
            if fault is not None and fault.delay_seconds:
                await asyncio.sleep(fault.delay_seconds)
            if fault is not None and fault.status and not fault.after_effect:
                raise fault.error()
            self.world.access.check(call.authorization, host=self.host, method=short, params=call.params)
            answer = await self._handle(name, call)
            if calls.changes(short):
                self.world.keep()
            if fault is not None and fault.status:
                raise fault.error()
        except GoogleError as error:
            code = error.code
            raise
        finally:
            self.world.calls.add(
                CallRecord(host=self.host, method=short, params=call.params, code=code, caller=call.caller)
            )
        return answer

    async def _handle(self, name: str, call: Call) -> Answer:
        handler = self.handlers.get(name)
        if handler is None:
            raise GoogleError("UNIMPLEMENTED", f"The local stand-in does not implement {name}.")
        answer = handler(call)
        return await answer if inspect.isawaitable(answer) else answer

    # REST

    async def serve_http(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request as the API's front end does."""
        body = await request.read()
        if request.path.startswith("/batch"):
            return await answer_batch(self, request, body)
        status, payload = await self.rest(
            request.method, request.rel_url.raw_path, list(request.query.items()), body, dict(request.headers)
        )
        if payload is None:
            return web.Response(status=status)
        if isinstance(payload, str):
            return web.Response(status=status, text=payload, content_type="text/html")
        pretty = request.query.get("prettyPrint", request.query.get("$prettyPrint", "true")) not in ("false", "0")
        text = msgspec.json.encode(payload)
        body = msgspec.json.format(text, indent=2) if pretty else text
        return web.Response(status=status, body=body + b"\n", content_type="application/json", charset="utf-8")

    async def rest(
        self, verb: str, path: str, query: list[tuple[str, str]], body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, Answer | str | None]:
        """One REST call: HTTP status and JSON (or Google's HTML page for a path that is no method)."""
        found = self._route(headers.get("X-HTTP-Method-Override", verb).upper(), self._real(path))
        if found is None:
            return 404, _not_found_page(path)
        rule, method, variables = found
        parameters = dict(query)
        fields = parameters.get("fields") or parameters.get("$fields")
        try:
            tree = fieldmask.read(fields, method.response.DESCRIPTOR) if fields else {}
            call = self._read(rule, method, variables, query, body)
            call.caller = _header(headers, "user-agent")
            call.authorization = _header(headers, "authorization")
            return 200, self._shown(method, await self.invoke(call), fields or "", tree)
        except GoogleError as error:
            return error.code, error.json(style=self.style)
        except Exception:
            log.exception("the stand-in failed on %s %s", verb, path)
            return 500, GoogleError("INTERNAL", "Internal error encountered.").json()

    def _shown(self, method: Method, answer: Answer, fields: str, tree: dict[str, Any]) -> Answer:
        """An answer as Google prints it: checked against its message, with the fields that were asked for. The newest
        are remembered: a cluster of a hundred pools takes long to check, and is asked for again and again."""
        key = method.service, method.name, fields, hashlib.sha256(msgspec.json.encode(answer)).digest()
        if (known := self._newest.pop(key, None)) is None:
            message = json_format.ParseDict(answer, method.response())
            known = fieldmask.select(schema.to_json(message), tree)
        self._newest[key] = known
        if len(self._newest) > REMEMBERED:
            del self._newest[next(iter(self._newest))]
        return known

    def knows(self, request: web.BaseRequest) -> bool:
        """Whether the request's path is one of this API's methods."""
        verb, path = request.headers.get("X-HTTP-Method-Override", request.method), request.rel_url.raw_path
        return self._route(verb.upper(), self._real(path)) is not None

    def _real(self, path: str) -> str:
        alias = next((each for each in self.aliases if path.startswith(each)), "")
        return self.aliases[alias] + path[len(alias) :] if alias else path

    def _route(self, verb: str, path: str) -> tuple[schema.HttpRule, Method, dict[str, str]] | None:
        for rule, method in self._by_verb.get(verb, []):
            variables = rule.match(verb, path)
            if variables is not None:
                return rule, method, variables
        return None

    def _read(
        self,
        rule: schema.HttpRule,
        method: Method,
        variables: dict[str, str],
        query: list[tuple[str, str]],
        body: bytes,
    ) -> Call:
        """Transcoding (AIP-127): path variables, then query parameters, then the body."""
        descriptor = method.request.DESCRIPTOR
        message = method.request()
        raw: dict[str, Any] = {}
        if rule.body is not None:
            raw = _json_body(body)
            if rule.body == "*":
                message = schema.parse(raw, method.request)
            else:
                target = descriptor.fields_by_name[rule.body]
                # Compute's front end names no body in its refusals, the others do: `at 'build.steps[0]'`.
                prefix = "" if rule.body.endswith("_resource") else rule.body
                if not prefix:
                    raw = _without_null_items(raw)
                inner = schema.parse(raw, target.message_type._concrete_class, prefix=prefix)
                getattr(message, rule.body).CopyFrom(inner)
        for name, value in query:
            if name not in self.ignored:
                _put(message, name, value)
        for name, value in variables.items():
            _put(message, name, value)
        return Call(method=method, params=schema.to_json(message), raw_body=raw)

    # gRPC

    def grpc_handlers(self) -> list[grpc.GenericRpcHandler]:
        """Handlers for grpc.aio: every unary method of the API."""
        services: dict[str, dict[str, grpc.RpcMethodHandler]] = {}
        for method in self.methods.values():
            if method.grpc_path is None or method.streaming:
                continue
            services.setdefault(method.service, {})[method.name] = grpc.unary_unary_rpc_method_handler(
                self._unary(method),
                request_deserializer=method.request.FromString,
                response_serializer=lambda answer: answer.SerializeToString(),
            )
        return [grpc.method_handlers_generic_handler(name, each) for name, each in services.items()]

    def _unary(self, method: Method) -> Callable[[Message, grpc.aio.ServicerContext], Awaitable[Message]]:
        async def answer(request: Message, context: grpc.aio.ServicerContext) -> Message:
            try:
                params = schema.to_json(request)
                told = {name: str(value) for name, value in context.invocation_metadata() or ()}
                authorization = told.get("authorization", "")
                call = Call(method=method, params=params, raw_body=params, authorization=authorization)
                result = await self.invoke(call)
                return json_format.ParseDict(result, method.response())
            except json_format.SerializeToJsonError as wrong:
                # A field mask or a time that JSON cannot say is a bad argument.
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"Request contains an invalid argument: {wrong}")
            except GoogleError as error:
                await context.abort_with_status(rpc_status.to_status(_rpc_status(error)))
            except Exception:
                log.exception("the stand-in failed on %s", method.grpc_path)
                await context.abort(grpc.StatusCode.INTERNAL, "Internal error encountered.")
            raise AssertionError("abort raises")

        return answer


def _rpc_status(error: GoogleError) -> status_pb2.Status:
    status = status_pb2.Status(code=code_pb2.Code.Value(error.status), message=error.message)
    for detail in error.details:
        try:
            json_format.ParseDict(detail, status.details.add())
        except (json_format.ParseError, TypeError):
            del status.details[-1]
    return status


def _json_body(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as wrong:
        raise bad_request([("", f"Invalid JSON payload received. {wrong}")]) from None
    if not isinstance(found, dict):
        raise bad_request([("", "Invalid JSON payload received. Unexpected token.\nRoot element must be a message.")])
    return found


def _without_null_items(value: Any) -> Any:
    """Compute passes over nulls in lists (packer sends some)."""
    if isinstance(value, list):
        return [_without_null_items(each) for each in value if each is not None]
    if isinstance(value, dict):
        return {name: _without_null_items(each) for name, each in value.items()}
    return value


def _put(message: Message, name: str, value: str) -> None:
    """Set a (dotted) field from a path variable or query parameter."""
    target = message
    *parents, last = name.split(".")
    for parent in parents:
        step = schema.fields_by_json(target.DESCRIPTOR).get(parent)
        if step is None or step.message_type is None:
            raise _unknown_parameter(name, target, parent)
        target = getattr(target, step.name)
    field_ = schema.fields_by_json(target.DESCRIPTOR).get(last)
    if field_ is None:
        raise _unknown_parameter(name, target, last)
    item: Any = value
    if field_.cpp_type == field_.CPPTYPE_BOOL:
        item = {"true": True, "false": False, "1": True, "0": False}.get(value.lower(), value)
    if field_.message_type is not None and field_.message_type.full_name == "google.protobuf.FieldMask":
        # Google takes both spellings of a mask, proto JSON only the second.
        item = re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), value)
    if field_.message_type is not None and (problem := schema.time_problem(value, field_.message_type.full_name)):
        where = f"'{name}' ({schema.kind_name(field_)})"
        raise bad_request([(name, f"Invalid value at {where}, Field '{last}', {problem}")])
    try:
        # Parsed apart and merged: a repeated parameter adds to the list.
        parsed = json_format.ParseDict({field_.json_name: [item] if field_.is_repeated else item}, type(target)())
    except json_format.ParseError:
        kind = schema.kind_name(field_)
        raise bad_request([(name, f"Invalid value at '{field_.name}' ({kind}), \"{value}\"")]) from None
    target.MergeFrom(parsed)


def _unknown_parameter(name: str, target: Message, part: str) -> GoogleError:
    text = (
        f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
        f"Field '{part}' could not be found in request message."
    )
    return bad_request([("", text)])


def _header(headers: Mapping[str, str], wanted: str) -> str:
    return next((value for name, value in headers.items() if name.lower() == wanted), "")


def _not_found_page(path: str) -> str:
    return (
        "<!DOCTYPE html>\n<html lang=en>\n  <title>Error 404 (Not Found)!!1</title>\n"
        "  <p><b>404.</b> <ins>That’s an error.</ins>\n  <p>The requested URL was not found on this server."
        "  <ins>That’s all we know.</ins>\n"
    )
