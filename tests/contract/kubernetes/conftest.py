"""Fixtures: a served cluster, and one whose clock stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kubernetes import client

from localcloud.kubernetes import KubernetesApi
from tests.contract.kubernetes.clusters import Clock, Served


@pytest.fixture
def served() -> Iterator[Served]:
    cluster = Served()
    yield cluster
    cluster.stop()


@pytest.fixture
def python(served: Served) -> client.ApiClient:
    """The official Python client, unmodified."""
    return client.ApiClient(client.Configuration(host=served.url))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cluster(clock: Clock) -> KubernetesApi:
    return KubernetesApi(now=clock, tables={})
