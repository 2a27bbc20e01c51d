"""Evictions and the budgets that forbid them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.kubernetes.clusters import Served, budget_body, eventually, node_body, workload

Json = dict[str, Any]

PODS = "/api/v1/namespaces/default/pods"


@pytest.fixture
def web(served: Served) -> Served:
    """Two running pods of `web`, of which one may go."""
    served.call(lambda api: api.create("nodes", node_body("n1")))
    served.call(lambda api: api.create("deployments.apps", workload("Deployment", "web", replicas=2)))
    served.call(lambda api: api.create("poddisruptionbudgets.policy", budget_body("web", minAvailable=1)))
    eventually(lambda: allowed(served) == 1)
    return served


def allowed(served: Served) -> int:
    budget = served.request("GET", "/apis/policy/v1/namespaces/default/poddisruptionbudgets/web")[1]
    return int(budget.get("status", {}).get("disruptionsAllowed", 0))


def evict(served: Served, name: str, **query: str) -> tuple[int, Json]:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": "default"}}
    asked = "&".join(f"{key}={value}" for key, value in query.items())
    return served.request("POST", f"{PODS}/{name}/eviction?{asked}", body)


def names(served: Served) -> list[str]:
    return [item["metadata"]["name"] for item in served.request("GET", PODS)[1]["items"]]


def test_a_budget_lets_one_pod_go_and_forbids_the_next(web: Served) -> None:
    first, second = names(web)
    web.call(lambda api: api.patch("nodes", "n1", {"spec": {"unschedulable": True}}))  # so that no pod follows
    code, status = evict(web, first)
    assert (code, status["status"]) == (201, "Success")
    eventually(lambda: names(web) != [first, second])
    code, status = evict(web, second)
    assert (code, status["reason"]) == (429, "TooManyRequests")
    assert status["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
    (cause,) = status["details"]["causes"]
    assert cause["reason"] == "DisruptionBudget"
    assert cause["message"] == "The disruption budget web needs 1 healthy pods and has 1 currently"


def test_the_evicted_pod_is_replaced_and_the_budget_recovers(web: Served) -> None:
    first, second = names(web)
    evict(web, first)
    eventually(lambda: first not in names(web) and allowed(web) == 1)
    assert evict(web, second)[0] == 201


def test_a_dry_run_of_an_eviction_asks_the_budget_and_takes_nothing(web: Served) -> None:
    first, _ = names(web)
    assert evict(web, first, dryRun="All")[0] == 201
    assert allowed(web) == 1
    assert first in names(web)


def test_an_eviction_of_nothing_is_not_found(web: Served) -> None:
    code, status = evict(web, "none")
    assert (code, status["message"]) == (404, 'pods "none" not found')


def test_a_pod_under_two_budgets_cannot_be_evicted(web: Served) -> None:
    second = budget_body("other", minAvailable=0)
    second["spec"]["selector"] = {"matchLabels": {"app": "web"}}
    web.call(lambda api: api.create("poddisruptionbudgets.policy", second))
    code, status = evict(web, names(web)[0])
    assert code == 500
    assert "more than one PodDisruptionBudget" in status["message"]
