"""Service Usage as Terraform's provider uses it: what is enabled, and enabling it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from localcloud.service_usage import HOST, ServiceUsage
from tests.contract.conftest import Served


@pytest.fixture
def services(tmp_path: Path) -> Iterator[str]:
    """The address of a project's services."""
    served = Served(tmp_path)
    served.call(served.listeners.serve_http, HOST, ServiceUsage(served.world, [HOST]).serve)
    served.serve()
    yield f"{served.endpoints[HOST]}/v1/projects/demo-project/services"
    served.close()


def states(services: str) -> dict[str, str]:
    return {each["config"]["name"]: each["state"] for each in requests.get(services, timeout=5).json()["services"]}


def test_an_api_is_enabled_at_once_alone_or_with_others(services: str) -> None:
    assert states(services) == {HOST: "ENABLED"}
    one = requests.post(f"{services}/run.googleapis.com:enable", json={}, timeout=5).json()
    assert one["done"] and one["response"]["service"]["state"] == "ENABLED"
    names = ["iam.googleapis.com", "firestore.googleapis.com"]
    others = requests.post(f"{services}:batchEnable", json={"serviceIds": names}, timeout=5).json()
    assert others["done"] and [each["config"]["name"] for each in others["response"]["services"]] == names
    assert states(services) == dict.fromkeys([HOST, "run.googleapis.com", *names], "ENABLED")


@pytest.mark.parametrize("count", [0, 21])
def test_none_and_more_than_twenty_are_refused(services: str, count: int) -> None:
    names = [f"api{number}.googleapis.com" for number in range(count)]
    refused = requests.post(f"{services}:batchEnable", json={"serviceIds": names}, timeout=5)
    assert refused.status_code == 400 and "from 1 to 20" in refused.json()["error"]["message"]
