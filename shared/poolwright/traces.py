"""OpenTelemetry traces across messages: a rollout's steps, from the command to the last one, are one trace.

A message says which span published it, in the attribute in which Google's own clients say it. What is published while
it is handled says the same again; or, where spans are exported, which span handled it. They are exported where the
variables of the OpenTelemetry specification name an exporter: OTEL_EXPORTER_OTLP_ENDPOINT,
OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_TRACES_EXPORTER. Elsewhere nothing of OpenTelemetry is imported.

A span has names, ids and kinds of errors: no error's text, which may quote a template's metadata.

https://www.w3.org/TR/trace-context/#traceparent-header
https://cloud.google.com/pubsub/docs/open-telemetry-tracing#how-tracing-works
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
https://opentelemetry.io/docs/specs/semconv/messaging/gcp-pubsub/
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from poolwright import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, SpanKind

Port = TypeVar("Port")

ATTRIBUTE = "googclient_traceparent"  # of a message
EXPORT_SECONDS = 2.0  # a collector that is gone holds a message up no longer, unless somebody says so
_HEADER = "traceparent"
_MAX_ATTRIBUTES = 100  # https://cloud.google.com/pubsub/quotas#resource_limits
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
_NOT_YET = object()

log = logging.getLogger(__name__)
_current: ContextVar[str] = ContextVar("poolwright_traceparent", default="")
_span: ContextVar[Span | None] = ContextVar("poolwright_span", default=None)
_making = threading.Lock()
_provider: Any = _NOT_YET  # or a TracerProvider, or None


def is_wanted() -> bool:
    """Whether the process's variables name an exporter."""
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "")
    if exporter == "none" or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    return bool(exporter or any(os.environ.get(each) for each in _ENDPOINTS))


def current() -> str:
    """The W3C traceparent of what happens now; empty where it belongs to no trace."""
    return _current.get()


def carried(attributes: Mapping[str, str]) -> dict[str, str]:
    """The attributes of a message that is published now: these, and the traceparent while there is room for it."""
    room = ATTRIBUTE in attributes or len(attributes) < _MAX_ATTRIBUTES
    return {**attributes, ATTRIBUTE: current()} if current() and room else dict(attributes)


@contextmanager
def following(traceparent: str) -> Iterator[None]:
    """What is published inside belongs to that trace; what was before, where the text is none."""
    token = _current.set(traceparent if _TRACEPARENT.fullmatch(traceparent) else current())
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def handling(
    attributes: Mapping[str, str], *, function: str, message_id: str, subscription: str, attempt: int
) -> Iterator[str]:
    """The handling of a message, after whatever published it. The traceparent of its span, empty where none is
    exported. Spans are exported before this ends: an instance without requests may get no processor."""
    with following(attributes.get(ATTRIBUTE) or attributes.get(_HEADER, "")):
        if (provider := _made()) is None:
            yield ""
            return
        from opentelemetry.trace import SpanKind

        told = {
            "messaging.system": "gcp_pubsub",
            "messaging.operation.type": "process",
            "messaging.message.id": message_id,
            "messaging.destination.subscription.name": subscription,
            "messaging.gcp_pubsub.message.delivery_attempt": attempt,
            "faas.trigger": "pubsub",
        }
        try:
            with _within(provider, f"process {function}", SpanKind.CONSUMER, told):
                yield current()
        finally:
            provider.force_flush()


def failed(error: BaseException) -> None:
    """The span that goes on ends with this error."""
    if (span := _span.get()) is not None:
        from opentelemetry.trace import StatusCode

        span.set_attribute("error.type", type(error).__name__)
        span.set_status(StatusCode.ERROR)


def seen(port: Port, name: str, *, opens: str = "", publishes: bool = False) -> Port:
    """The port, whose calls are child spans (`compute.patch_group`) from now on; itself where no exporter is named.

    `opens`: the method that gives another such port. A call that `publishes` may begin a trace; others belong to the
    message that is handled.
    """
    return cast("Port", _Seen(port, name, opens, publishes)) if is_wanted() else port


class _Seen:
    """A port, watched."""

    def __init__(self, port: object, name: str, opens: str, publishes: bool) -> None:
        self._port = port
        self._name = name
        self._opens = opens
        self._publishes = publishes

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if name == self._opens:
            return lambda *args, **kwargs: _Seen(found(*args, **kwargs), self._name, "", False)
        return partial(self._call, found) if callable(found) else found

    def _call(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        provider = _made() if current() or self._publishes else None
        if provider is None:
            return method(*args, **kwargs)
        from opentelemetry.trace import SpanKind

        kind = SpanKind.PRODUCER if self._publishes else SpanKind.CLIENT
        with _within(provider, f"{self._name}.{method.__name__}", kind, {}):
            return method(*args, **kwargs)


@contextmanager
def _within(provider: TracerProvider, name: str, kind: SpanKind, told: Mapping[str, Any]) -> Iterator[None]:
    from opentelemetry.trace import set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    w3c = TraceContextTextMapPropagator()
    tracer = provider.get_tracer("poolwright", __version__)
    span = tracer.start_span(name, w3c.extract({_HEADER: current()}), kind, told)
    carrier: dict[str, str] = {}
    w3c.inject(carrier, set_span_in_context(span))
    outer, token = _span.set(span), _current.set(carrier[_HEADER])
    try:
        yield
    except BaseException as error:
        failed(error)
        raise
    finally:
        _current.reset(token)
        _span.reset(outer)
        span.end()


def _made() -> TracerProvider | None:
    """This process's provider; None where no exporter is named, or none that can be had."""
    global _provider  # noqa: PLW0603
    with _making:
        if _provider is _NOT_YET:
            _provider = _new() if is_wanted() else None
    return cast("TracerProvider | None", _provider)


def _new() -> TracerProvider | None:
    if (exporter := _exporter(os.environ.get("OTEL_TRACES_EXPORTER") or "otlp")) is None:
        return None
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    service = os.environ.get("OTEL_SERVICE_NAME") or os.environ.get("K_SERVICE") or "poolwright"
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.version": __version__}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _exporter(name: str) -> SpanExporter | None:
    if name == "otlp":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        # It quotes a malformed OTEL_EXPORTER_OTLP_HEADERS, which holds the collector's key.
        logging.getLogger("opentelemetry.util.re").setLevel(logging.CRITICAL)
        told = any(os.environ.get(each) for each in _TIMEOUTS)
        return OTLPSpanExporter(timeout=None if told else EXPORT_SECONDS)
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter()
    log.warning("OTEL_TRACES_EXPORTER is %r, so there are no traces; use otlp, console or none", name)
    return None
