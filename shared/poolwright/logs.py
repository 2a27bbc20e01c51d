"""One JSON object a line on standard output, as Cloud Logging reads it; the standard `logging` underneath.

    log = logging.getLogger("poolwright.something")
    log.info("group %s is mutated", name, extra={"labels": {"pool": pool}})

https://cloud.google.com/logging/docs/structured-logging#special-payload-fields
https://cloud.google.com/error-reporting/docs/formatting-error-messages
"""

import contextlib
import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

_OURS = "poolwright"
_METRICS = "poolwright.metrics"
_LEVEL_VARIABLE = "POOLWRIGHT_LOG_LEVEL"
_MAX_CHARACTERS = 60_000  # an entry has 256 KB at most, https://cloud.google.com/logging/quotas#log-limits
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Context:
    labels: Mapping[str, str] = field(default_factory=dict)
    trace: Mapping[str, str | bool] = field(default_factory=dict)


_NOTHING_KNOWN = _Context()
_context: ContextVar[_Context] = ContextVar("poolwright_log_context", default=_NOTHING_KNOWN)


def configure() -> None:
    """Sends every logger's lines through here. Level by POOLWRIGHT_LOG_LEVEL, INFO unless told."""
    # With this set, Google's clients print request and response bodies past any handler of ours.
    os.environ.pop("GOOGLE_SDK_PYTHON_LOGGING_SCOPE", None)
    wanted = os.environ.get(_LEVEL_VARIABLE, "INFO").upper()
    handler = _Handler()
    handler.addFilter(_ours_or_worth_a_warning)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # Google's libraries keep their warnings to themselves unless somebody has set their logger up before they load.
    googles = logging.getLogger("google")
    googles.setLevel(logging.WARNING)
    googles.propagate = True
    logging.getLogger(_OURS).setLevel(wanted if wanted in _LEVELS else "INFO")
    logging.getLogger(_METRICS).setLevel(logging.INFO)  # they are counted, whatever is read
    if wanted not in _LEVELS:
        logging.getLogger(_OURS).warning(
            "%s is no level; INFO is used. Set one of %s", _LEVEL_VARIABLE, ", ".join(_LEVELS)
        )


@contextlib.contextmanager
def context(headers: Mapping[str, str] | None = None, **labels: str) -> Iterator[None]:
    """Lines written inside carry these labels (empty ones left out) and the trace that the HTTP headers name.

    `headers` by lower-case name.
    """
    outer = _context.get()
    merged = {**outer.labels, **{name: text for name, text in labels.items() if text}}
    token = _context.set(_Context(labels=merged, trace=_trace(headers) if headers is not None else outer.trace))
    try:
        yield
    finally:
        _context.reset(token)


def _ours_or_worth_a_warning(record: logging.LogRecord) -> bool:
    """Other people's libraries print request bodies below WARNING, whatever level somebody gave their loggers."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] == _OURS


class _Handler(logging.Handler):
    """Writes to whatever standard output is at that moment: the framework and tests replace it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stdout.write(json.dumps(_entry(record), default=str) + "\n")
            sys.stdout.flush()
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Says that a line is lost, without its arguments, which the standard way would print."""
        sys.stderr.write(f"a log line of {record.pathname}:{record.lineno} could not be written\n")


def _entry(record: logging.LogRecord) -> dict[str, Any]:
    message = record.getMessage()
    if record.exc_info:
        message += "\n" + logging.Formatter().formatException(record.exc_info)
    context = _context.get()
    labels = {**context.labels, **getattr(record, "labels", {})}
    metric = getattr(record, "metric", None)
    return {
        "severity": record.levelname,
        "message": redact(message[:_MAX_CHARACTERS]),
        "logging.googleapis.com/labels": {name: redact(str(text)) for name, text in labels.items()},
        "logging.googleapis.com/sourceLocation": {
            "file": record.pathname,
            "line": str(record.lineno),
            "function": record.funcName,
        },
        **({"metric": metric} if metric else {}),
        **context.trace,
    }


# Secrets have a type that prints redacted. This is for the text of other people's exceptions: Compute, for one, quotes
# the metadata it refuses, and a kube-env is full of keys.
_SECRETS = re.compile(
    r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)"  # PEM
    r"|[A-Za-z0-9+/_-]{120,}={0,2}"  # certificates and keys are base64
    r"|(?P<name>Bearer |[A-Z0-9_]{0,40}(?:KEY|CERT|BUNDLE|TOKEN|SECRET|PASSWORD)[\"']?+\s*+[:=]\s*+[\"']?+)"
    r"(?!-----BEGIN)(?:(?!\\{1,8}[nrt])\S)+",  # a line's end may be escaped: somebody quoted the text as JSON
    re.DOTALL,
)


def redact(text: str) -> str:
    """`text` without what looks like a key, a certificate or a token."""
    return _SECRETS.sub(r"\g<name>[redacted]", text)


_CLOUD_TRACE = re.compile(r"^([0-9a-fA-F]{32})(?:/(\d{1,20}))?(?:;o=(\d))?")
_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


def _trace(headers: Mapping[str, str]) -> dict[str, str | bool]:
    """The fields that tie a line to its request. Cloud Logging wants the project in the name of the trace."""
    project = os.environ.get("GOOGLE_CLOUD_PROJECT")
    if not project:
        return {}
    if parent := _TRACEPARENT.match(headers.get("traceparent", "")):
        trace, span, sampled = parent[1], parent[2], int(parent[3], 16) & 1 == 1
    elif cloud := _CLOUD_TRACE.match(headers.get("x-cloud-trace-context", "")):
        trace, span, sampled = cloud[1].lower(), f"{int(cloud[2] or 0):016x}", cloud[3] == "1"
    else:
        return {}
    return {
        "logging.googleapis.com/trace": f"projects/{project}/traces/{trace}",
        "logging.googleapis.com/spanId": span,
        "logging.googleapis.com/trace_sampled": sampled,
    }
