"""Lines as Cloud Logging reads them."""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from poolwright import logs

Lines = Callable[[], list[dict[str, Any]]]
ours = logging.getLogger("poolwright.test")


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    root, product = logging.getLogger(), logging.getLogger("poolwright")
    handlers, levels = list(root.handlers), (root.level, product.level)
    monkeypatch.setenv("POOLWRIGHT_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "acme-gpu")
    logs.configure()
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    product.setLevel(levels[1])


@pytest.mark.parametrize("severity", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_a_line_is_one_json_object_with_googles_field_names(severity: str, lines: Lines) -> None:
    ours.log(getattr(logging, severity), "group %s\nis %s", "g-1", "mutated", extra={"labels": {"pool": "l4"}})
    [line] = lines()
    assert line["severity"] == severity
    assert line["message"] == "group g-1\nis mutated"
    assert line["logging.googleapis.com/labels"] == {"pool": "l4"}
    place = line["logging.googleapis.com/sourceLocation"]
    assert place["file"].endswith("test_logs.py")
    assert place["line"].isdigit()
    assert place["function"] == "test_a_line_is_one_json_object_with_googles_field_names"


@pytest.mark.parametrize("name", ["google.auth", "urllib3.connectionpool", "kubernetes.client.rest", "grpc", "anybody"])
def test_other_peoples_loggers_speak_from_warning_up_whatever_level_they_were_given(name: str, lines: Lines) -> None:
    theirs = logging.getLogger(name)
    before = theirs.level
    theirs.setLevel(logging.DEBUG)
    theirs.debug("request body: kube-env")
    theirs.info("response body: kube-env")
    theirs.warning("retrying")
    theirs.setLevel(before)
    assert [line["message"] for line in lines()] == ["retrying"]


def test_googles_own_switch_for_printing_bodies_is_taken_away(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_SDK_PYTHON_LOGGING_SCOPE", "google")
    logs.configure()
    assert "GOOGLE_SDK_PYTHON_LOGGING_SCOPE" not in os.environ


def test_the_level_is_told_by_the_environment(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLWRIGHT_LOG_LEVEL", "warning")
    logs.configure()
    ours.info("unheard")
    ours.warning("heard")
    assert [line["message"] for line in lines()] == ["heard"]


def test_a_wrong_level_is_said_and_info_is_used(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLWRIGHT_LOG_LEVEL", "loud")
    logs.configure()
    ours.debug("unheard")
    ours.info("heard")
    complaint, heard = lines()
    assert "POOLWRIGHT_LOG_LEVEL" in complaint["message"]
    assert heard["message"] == "heard"


def test_configuring_twice_does_not_write_twice(lines: Lines) -> None:
    logs.configure()
    ours.info("once")
    assert len(lines()) == 1


def test_labels_of_the_context_go_as_they_came(lines: Lines) -> None:
    with logs.context(function="step"):
        with logs.context(message_id="7", subscription=""):
            ours.info("inside", extra={"labels": {"wave": 2}})
        ours.info("outside")
    ours.info("after")
    assert [line["logging.googleapis.com/labels"] for line in lines()] == [
        {"function": "step", "message_id": "7", "wave": "2"},
        {"function": "step"},
        {},
    ]


@pytest.mark.parametrize(
    ("headers", "trace", "span", "sampled"),
    [
        (
            {"x-cloud-trace-context": "105445AA7843bc8bf206b12000100000/255;o=0"},
            "105445aa7843bc8bf206b12000100000",
            "00000000000000ff",
            False,
        ),
        (
            {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "00f067aa0ba902b7",
            True,
        ),
    ],
)
def test_the_trace_of_a_request_is_named_with_its_project(
    headers: dict[str, str], trace: str, span: str, sampled: bool, lines: Lines
) -> None:
    with logs.context(headers):
        ours.info("traced")
    [line] = lines()
    assert line["logging.googleapis.com/trace"] == f"projects/acme-gpu/traces/{trace}"
    assert line["logging.googleapis.com/spanId"] == span
    assert line["logging.googleapis.com/trace_sampled"] is sampled


@pytest.mark.parametrize("headers", [{}, {"traceparent": "nonsense"}, {"x-cloud-trace-context": "/1"}])
def test_a_request_without_a_readable_trace_has_none(headers: dict[str, str], lines: Lines) -> None:
    with logs.context(headers):
        ours.info("untraced")
    assert "logging.googleapis.com/trace" not in lines()[0]


def test_an_exceptions_stack_is_in_the_message_where_error_reporting_looks(lines: Lines) -> None:
    try:
        raise KeyError("instanceGroupUrls")
    except KeyError:
        ours.exception("message 7 failed")
    message = lines()[0]["message"]
    assert message.startswith("message 7 failed\nTraceback (most recent call last):\n")
    assert message.endswith("KeyError: 'instanceGroupUrls'")


CANARY = "c4n4ry" * 30
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY[:60]}\n{CANARY[:60]}\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text",
    [
        f"Invalid value for field 'metadata.items[0].value': 'KUBELET_KEY: {CANARY[:20]}'",
        f"TPM_BOOTSTRAP_CERT: {CANARY[:20]}",
        f"KUBE_PROXY_TOKEN: {CANARY[:20]}",
        json.dumps({"KUBELET_KEY": CANARY[:20]}),
        json.dumps(f"KUBE_PROXY_TOKEN: other\nNODE_PROBLEM_DETECTOR_TOKEN: {CANARY[:20]}"),
        json.dumps(json.dumps(f"KUBE_PROXY_TOKEN: other\nNODE_PROBLEM_DETECTOR_TOKEN: {CANARY[:20]}")),
        f"KONNECTIVITY_AGENT_CLIENT_KEY={CANARY[:20]}",
        f"CA_CERT: {PEM}",
        json.dumps({"CA_CERT": PEM}),
        f"cut short: {PEM[:90]}",
        f"blob {CANARY}==",
        f"Authorization: Bearer {CANARY[:20]}",
    ],
)
@pytest.mark.parametrize("where", ["message", "exception", "label"])
def test_what_looks_like_a_secret_is_never_written(text: str, where: str, lines: Lines) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        ours.error(
            text if where == "message" else "failed",
            exc_info=sys.exc_info() if where == "exception" else None,
            extra={"labels": {"why": text} if where == "label" else {}},
        )
    written = json.dumps(lines())
    assert "c4n4ry" not in written
    assert "[redacted]" in written


def test_a_line_stays_below_what_cloud_logging_takes(lines: Lines) -> None:
    ours.info("🐟" * 300_000)
    assert len(lines()[0]["message"].encode()) < 256_000
    ours.info("what is %s", "short stays whole")
    assert lines()[0]["message"] == "what is short stays whole"


def test_ordinary_names_are_not_mistaken_for_secrets(lines: Lines) -> None:
    text = "projects/acme-gpu/zones/us-central1-a/instanceGroupManagers/gke-serving-l4-spot-1a2b3c4d-grp: 412, key: x"
    ours.info(text)
    assert lines()[0]["message"] == text


def test_a_line_that_cannot_be_written_does_not_stop_the_work_or_spill_its_arguments(
    lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure()  # pytest's own handler would raise
    ours.info("%d", "c4n4ry")
    spilled = capsys.readouterr()
    assert "could not be written" in spilled.err
    assert "c4n4ry" not in spilled.err + spilled.out
