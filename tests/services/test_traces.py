"""Traces, as a collector receives them: one from a rollout's command to its last step, and no secret in it."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import poolwright
from poolwright import traces
from tests.chaos.flows.world import NAME, image
from tests.chaos.harness import Delivery, Flow
from tests.services.conftest import Begin
from tests.services.test_rollouts import until

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
CALLER = f"00-{TRACE}-{SPAN}-01"
ROLLOUT = "chaos-1"
CANARY = "c4n4ry-of-a-substitution"


class Collector:
    """What OTLP over HTTP brought (https://opentelemetry.io/docs/specs/otlp/#otlphttp)."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.services: set[str] = set()
        self.bodies: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.take(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, body: bytes) -> None:
        self.bodies.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.services |= {each.value.string_value for each in resource.resource.attributes}
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    found = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
    monkeypatch.setattr(traces, "_provider", traces._NOT_YET)
    yield found
    if traces._provider is not traces._NOT_YET:
        traces._provider.shutdown()
    found.stop()


@pytest.fixture
def flow(collector: Collector, begin: Begin) -> Flow:
    """A world of its own, whose ports are made while an exporter is named."""
    secret = {"kubeEnv": {"set": {"OUR_TOKEN": CANARY}}}
    return begin(rollout={"waves": [1.0], "bakeSeconds": 400}, substitutions=secret)


def start(flow: Flow) -> None:
    """A command of somebody who traces too."""
    flow.begin()
    body = json.dumps({"action": "start", "environment": NAME, "runId": 1, "requester": "ada"}).encode()
    flow.there(lambda: flow.stack.world.publish("rollout-commands", body, {traces.ATTRIBUTE: CALLER}))


def about_the_rollout(flow: Flow) -> dict[str, Delivery]:
    """The command, and every message that names what it began, by their ids."""
    return {
        each.message["messageId"]: each
        for each in flow.delivered
        if each.subscription == "rollout-command"
        or (each.subscription == "step" and each.body.get("rollout") == ROLLOUT)
    }


def text(span: Span, name: str) -> str:
    return next((each.value.string_value for each in span.attributes if each.key == name), "")


def test_a_rollout_is_one_trace_from_its_command_to_its_last_step(flow: Flow, collector: Collector) -> None:
    image(flow, run_id=1)
    start(flow)
    until(flow, 1, "done")

    trace = [span for span in collector.spans if span.trace_id.hex() == TRACE]
    handled = {text(span, "messaging.message.id") for span in trace if span.kind == Span.SPAN_KIND_CONSUMER}
    messages = about_the_rollout(flow)
    assert messages.keys() <= handled
    assert "tick" in {each.body.get("cause") for each in messages.values()}, "it waited for ticks"
    known = {span.span_id.hex() for span in trace} | {SPAN}
    assert {span.name for span in trace if span.parent_span_id.hex() not in known} == set()
    names = {span.name for span in trace}
    assert {"process rollout_command", "process step", "process notify", "pubsub.publish"} <= names
    assert {"gke.cluster", "compute.patch_group", "kubernetes.nodes"} <= names
    assert collector.services >= {"poolwright", poolwright.__version__}
    assert not [body for body in collector.bodies if CANARY.encode() in body or b"PRIVATE KEY" in body]


def test_lines_of_a_step_belong_to_its_span(
    flow: Flow, collector: Collector, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "acme-gpu")
    logging.getLogger("poolwright").setLevel(logging.INFO)
    image(flow, run_id=1)
    start(flow)
    flow.settle()
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    lines = [line for line in said if line["logging.googleapis.com/labels"].get("function") == "rollout_command"]
    spans = {span.span_id.hex() for span in collector.spans if span.name == "process rollout_command"}
    assert {line["logging.googleapis.com/trace"] for line in lines} == {f"projects/acme-gpu/traces/{TRACE}"}
    assert {line["logging.googleapis.com/spanId"] for line in lines} == spans


def test_without_an_exporter_the_callers_trace_is_passed_on(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "_provider", traces._NOT_YET)
    flow = begin()
    image(flow, run_id=1)
    start(flow)
    until(flow, 1, "done")
    messages = about_the_rollout(flow).values()
    assert len(messages) > 1
    assert {each.message["attributes"].get(traces.ATTRIBUTE) for each in messages} == {CALLER}
