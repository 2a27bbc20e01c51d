"""What a span says of a call, and what becomes of a message where traces cannot be exported."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from poolwright import traces
from poolwright.services.ports import Weather

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NOBODYS_PORT = "http://127.0.0.1:9"


class Quoting:
    """A port whose API quotes what it was given."""

    def insert_template(self) -> None:
        raise Weather("503: cannot take KUBELET_KEY: c4n4ry")

    def kubernetes(self) -> Quoting:
        return Quoting()


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process in which nobody asked for a provider yet."""
    for name in ("OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED", *traces._ENDPOINTS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(traces, "_provider", traces._NOT_YET)
    yield
    if traces._provider not in (None, traces._NOT_YET):
        traces._provider.shutdown()


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "memory")
    monkeypatch.setattr(traces, "_exporter", lambda name: exporter)
    return exporter


def handle(attributes: dict[str, str] | None = None) -> str:
    """What a message that is published meanwhile would say."""
    handled = traces.handling(attributes or {}, function="step", message_id="1", subscription="s", attempt=1)
    with handled:
        return traces.carried({}).get(traces.ATTRIBUTE, "")


def told(span: ReadableSpan) -> str:
    return str(span.to_json())


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODYS_PORT}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": NOBODYS_PORT}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODYS_PORT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODYS_PORT, "OTEL_SDK_DISABLED": "true"}, False),
    ],
)
def test_the_standard_variables_say_whether_spans_are_exported(
    variables: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert traces.is_wanted() == wanted


def test_a_call_that_fails_tells_the_kind_of_its_error_and_not_its_text(exported: InMemorySpanExporter) -> None:
    port = traces.seen(Quoting(), "compute")
    handled = traces.handling({}, function="step", message_id="1", subscription="s", attempt=1)
    with pytest.raises(Weather), handled:
        port.insert_template()
    call, message = exported.get_finished_spans()
    assert (call.name, message.name) == ("compute.insert_template", "process step")
    assert call.parent is not None
    assert call.parent.span_id == message.context.span_id
    for span in (call, message):
        assert span.attributes is not None
        assert span.attributes["error.type"] == "Weather"
        assert "c4n4ry" not in told(span)


def test_a_port_that_another_one_gives_is_seen_too(exported: InMemorySpanExporter) -> None:
    clusters = traces.seen(Quoting(), "kubernetes", opens="kubernetes")
    with traces.following(CALLER), pytest.raises(Weather):
        clusters.kubernetes().insert_template()
    assert traces._provider.force_flush()
    assert [span.name for span in exported.get_finished_spans()] == ["kubernetes.insert_template"]


def test_a_call_of_no_message_begins_no_trace_and_a_publication_does(exported: InMemorySpanExporter) -> None:
    with pytest.raises(Weather):
        traces.seen(Quoting(), "compute").insert_template()
    with pytest.raises(Weather):
        traces.seen(Quoting(), "pubsub", publishes=True).insert_template()
    assert traces._provider.force_flush()
    assert [span.name for span in exported.get_finished_spans()] == ["pubsub.insert_template"]


@pytest.mark.parametrize("attribute", [traces.ATTRIBUTE, "traceparent"])
def test_without_an_exporter_a_message_hands_its_trace_on_as_it_came(attribute: str) -> None:
    assert handle({attribute: CALLER}) == CALLER


@pytest.mark.parametrize(
    "text", ["", "00-x", CALLER.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32), CALLER + "\n"]
)
def test_what_names_no_trace_is_handed_on_to_nobody(text: str) -> None:
    assert handle({traces.ATTRIBUTE: text}) == ""


def test_a_message_that_is_full_of_attributes_is_published_without_a_trace() -> None:
    full = {f"a{number}": "x" for number in range(100)}
    with traces.following(CALLER):
        assert traces.carried(full) == full


def test_a_message_is_handled_where_the_collector_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", NOBODYS_PORT)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    assert handle({traces.ATTRIBUTE: CALLER}).split("-")[1] == CALLER.split("-")[1]


def test_a_message_is_handled_where_the_exporter_is_none_we_know(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "zipkin")
    caplog.set_level(logging.WARNING, logger="poolwright")
    assert handle({traces.ATTRIBUTE: CALLER}) == CALLER
    assert "'zipkin'" in caplog.text


def test_a_collectors_key_that_is_written_wrongly_is_in_no_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", NOBODYS_PORT)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team-key: c4n4ry")
    assert handle({traces.ATTRIBUTE: CALLER})
    assert "c4n4ry" not in caplog.text
