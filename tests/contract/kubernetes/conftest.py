"""Fixtures: a served cluster, embedded and real, one that is embedded alone, and one whose clock stands still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kubernetes import client

from localcloud.control_plane import BINARY
from localcloud.kubernetes import KubernetesApi
from tests.contract.kubernetes.clusters import Clock, Served
from tests.contract.kubernetes.real import Real


@pytest.fixture
def embedded() -> Iterator[Served]:
    """For what the embedded API alone has."""
    cluster = Served()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    if not BINARY.exists():
        pytest.skip("there is no real control plane here: make kubernetes builds it")
    cluster = Real(tmp_path_factory.mktemp("real"))
    yield cluster
    cluster.stop()


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.kubernetes)])
def served(request: pytest.FixtureRequest) -> Iterator[Served | Real]:
    """The same test on both: what the embedded API says, a real one says too."""
    cluster: Served | Real = request.getfixturevalue(request.param)
    yield cluster
    cluster.empty()


@pytest.fixture
def python(served: Served) -> client.ApiClient:
    """The official Python client, unmodified."""
    configuration = client.Configuration(host=served.url)
    configuration.ssl_ca_cert = served.ca_file or None
    configuration.api_key = {"authorization": f"Bearer {served.token}"}
    return client.ApiClient(configuration)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cluster(clock: Clock) -> KubernetesApi:
    return KubernetesApi(now=clock, tables={})
