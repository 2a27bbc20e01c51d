"""Errors of APIs and conflicts of the store are counted where they are understood."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from google.api_core import exceptions
from kubernetes.client.exceptions import ApiException

from poolwright.adapters import kubernetes
from poolwright.adapters.google_errors import translated
from poolwright.adapters.sqlite_store import SqliteStore
from poolwright.services.ports import Conflict
from tests.observability import module
from tests.observability.conftest import Lines
from tests.observability.lines import of

METRICS = module.metrics()


@pytest.mark.parametrize(
    ("error", "kinds"),
    [
        (exceptions.ServiceUnavailable("later"), ["weather"]),
        (exceptions.TooManyRequests("quota"), ["weather"]),
        (exceptions.PreconditionFailed("fingerprint"), ["stale"]),
        (exceptions.Forbidden("permission"), ["refused"]),
        (exceptions.NotFound("gone"), []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_googles_errors_are_counted_by_what_they_mean(error: Exception, kinds: list[str], lines: Lines) -> None:
    with contextlib.suppress(Exception), translated():
        raise error
    assert [(name, labels) for name, labels, _ in of(METRICS, lines())] == [
        ("error", {"api": "google", "kind": kind}) for kind in kinds
    ]


@pytest.mark.parametrize(
    ("status", "body", "kinds"),
    [
        (503, "busy", ["weather"]),
        (429, '{"details": {"causes": [{"reason": "DisruptionBudget"}]}}', []),
        (409, "conflict", ["stale"]),
        (403, "forbidden", ["refused"]),
        (404, "gone", []),
    ],
)
def test_so_are_those_of_clusters_but_for_what_a_budget_forbids(
    status: int, body: str, kinds: list[str], lines: Lines
) -> None:
    error = ApiException(status=status, reason="because")
    error.body = body
    with contextlib.suppress(Exception), kubernetes._translated(lambda: None):
        raise error
    assert [labels for _, labels, _ in of(METRICS, lines())] == [{"api": "kubernetes", "kind": kind} for kind in kinds]


def test_a_write_that_comes_second_is_a_conflict_of_its_collection(tmp_path: Path, lines: Lines) -> None:
    store = SqliteStore(tmp_path / "store")
    store.put("rollouts", "dev-1", {}, version=None)
    with pytest.raises(Conflict):
        store.put("rollouts", "dev-1", {}, version=None)
    assert of(METRICS, lines()) == [("conflict", {"collection": "rollouts"}, 1.0)]
