"""Which cluster a message means, where environments of several projects call theirs the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import pytest

from poolwright.events.incident import Incident
from poolwright.events.node_pool import NodePoolChanged
from poolwright.services import gpu_alert, node_pool_changed
from poolwright.services.ports import Weather
from poolwright.verdicts import Irrelevant
from tests.unit.services.conftest import Outside, cluster, environment

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NUMBERS = {"acme-dev": "111", "acme-prod": "222"}


@pytest.fixture(autouse=True)
def two_projects(outside: Outside) -> None:
    outside.environments = (environment("dev", "acme-dev"), environment("prod", "acme-prod"))
    for project, number in NUMBERS.items():
        found = cluster(project, uid=f"uid of {project}", zones=("us-central1-a", "us-central1-b"))
        outside.gke.clusters[found.ref] = found
        by_number = cluster(number, uid=f"uid of {project}")
        outside.gke.clusters[by_number.ref] = by_number


def alert(project: str) -> Incident:
    return Incident(
        message_id="1", publish_time=NOW, subscription="s", incident_id="i", project=project, location="us-central1",
        cluster="serving", provisioner="l4", open=True, policy="busy", observed_value=None, threshold_value=None,
    )  # fmt: skip


def changed(project: str, how: Literal["audit", "notification"]) -> NodePoolChanged:
    return NodePoolChanged(
        message_id="1", publish_time=NOW, subscription="s", project=project, location="us-central1", cluster="serving",
        pool="l4", method="UpgradeNodePool", operation="o", how=how, failed=False,
    )  # fmt: skip


@pytest.mark.parametrize("project", NUMBERS)
def test_an_alert_means_the_cluster_of_its_own_project(outside: Outside, project: str) -> None:
    gpu_alert.handle(alert(project), outside.ports)
    assert [work["project"] for work in outside.publisher.sent] == [project]


def test_an_alert_of_a_project_that_watches_others_means_each(outside: Outside) -> None:
    gpu_alert.handle(alert("acme-metrics"), outside.ports)
    assert [work["project"] for work in outside.publisher.sent] == list(NUMBERS)


@pytest.mark.parametrize("project", NUMBERS)
def test_an_audit_entry_means_the_cluster_that_it_names(outside: Outside, project: str) -> None:
    node_pool_changed.handle(changed(project, "audit"), outside.ports)
    assert {work["project"] for work in outside.publisher.sent} == {project}


@pytest.mark.parametrize("project", NUMBERS)
def test_a_notification_means_the_cluster_that_gke_knows_by_the_projects_number(outside: Outside, project: str) -> None:
    node_pool_changed.handle(changed(NUMBERS[project], "notification"), outside.ports)
    assert {work["project"] for work in outside.publisher.sent} == {project}


def test_a_notification_of_a_number_that_gke_does_not_know_means_nobody(outside: Outside) -> None:
    with pytest.raises(Irrelevant, match="no environment has cluster serving"):
        node_pool_changed.handle(changed("333", "notification"), outside.ports)
    assert outside.publisher.sent == []


def test_weather_between_two_groups_asks_for_both_again(outside: Outside) -> None:
    outside.publisher.weather_after = 1
    with pytest.raises(Weather):
        node_pool_changed.handle(changed("acme-dev", "audit"), outside.ports)
    assert outside.store.all("records") == []  # nothing is recorded as done that was not
    outside.publisher.weather_after = 1000
    node_pool_changed.handle(changed("acme-dev", "audit"), outside.ports)
    assert {work["zone"] for work in outside.publisher.sent} == {"us-central1-a", "us-central1-b"}
