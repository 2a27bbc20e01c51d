"""One real control plane for all of them; each file leaves it as it found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud.control_plane import BINARY, ControlPlane
from tests.manifests.cluster import HELM, KUBECTL, Cluster

STEP = "poolwright-step@my-project.iam.gserviceaccount.com"
TICK = "poolwright-tick@my-project.iam.gserviceaccount.com"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if not BINARY.exists():
        pytest.skip("there is no real control plane here: make kubernetes builds it")
    if not KUBECTL:
        pytest.skip("there is no kubectl here")
    plane = ControlPlane(tmp_path_factory.mktemp("plane"), users={STEP: [], TICK: []})
    try:
        plane.start()
        yield Cluster(plane, tmp_path_factory.mktemp("home"))
    finally:
        plane.stop()


@pytest.fixture(scope="module")
def defined(cluster: Cluster) -> Iterator[Cluster]:
    """With the definition, and nothing else."""
    cluster.define()
    yield cluster
    cluster.kubectl("delete", "crd", "nodeprovisioners.compute.poolwright.dev", "--wait")


@pytest.fixture(scope="session")
def helm(cluster: Cluster) -> Cluster:
    if not HELM.exists():
        pytest.skip("there is no helm here: make helm builds it")
    return cluster
