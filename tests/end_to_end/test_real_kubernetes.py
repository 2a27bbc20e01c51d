"""The deployed functions on a real control plane, each as the User that its service account is there: capacity follows
what people apply with kubectl, and the authorizer never had to say no."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud import audit_log
from localcloud.control_plane import BINARY
from localcloud.deployment import FUNCTIONS, identity
from tests.end_to_end.deployed import Deployed, deployed, eventually
from tests.real_stack import WORLD

pytestmark = [pytest.mark.kubernetes, pytest.mark.kubectl, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 180.0
Json = dict[str, Any]


@dataclass(frozen=True)
class Cluster:
    """The world's only one."""

    poolwright: Deployed
    files: Json

    def kubectl(self, *words: str, given: str = "") -> str:
        """What the administrator's command prints; it must succeed."""
        env = {**os.environ, "KUBECONFIG": self.files["kubeconfig"]}
        done = subprocess.run(
            ["kubectl", *words], env=env, input=given, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
        return done.stdout

    def nodes(self) -> list[Json]:
        found: list[Json] = json.loads(self.kubectl("get", "nodes", "-o", "json"))["items"]
        return found

    def uses(self) -> list[audit_log.Use]:
        """What our functions asked the cluster for."""
        names = {identity(function, self.poolwright.project) for function in FUNCTIONS}
        return [each for each in audit_log.read(Path(self.files["audit"])) if each.user in names]

    def provisioner(self, **spec: Any) -> None:
        body = {
            "apiVersion": "compute.poolwright.dev/v1alpha1",
            "kind": "NodeProvisioner",
            "metadata": {"name": "l4"},
            "spec": {"existingInstanceGroupNames": self.groups(), "cooldowns": {"scaleDownSeconds": 0}, **spec},
        }
        self.kubectl("apply", "-f", "-", given=yaml.safe_dump(body))

    def groups(self) -> list[str]:
        (ref,) = self.poolwright.stage.story.environment.cluster_refs()
        (pool,) = self.poolwright.ports.gke.cluster(ref).pools
        return [f"{group.zone}/{group.name}" for group in pool.groups]


@pytest.fixture(scope="module")
def cluster(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if not BINARY.exists():
        pytest.skip("there is no real control plane here: make kubernetes builds it")
    folder = tmp_path_factory.mktemp("deployed")
    with deployed(archive, folder, state=WORLD, speed=60.0, kubernetes="real") as poolwright:
        (files,) = poolwright.control("GET", "/clusters").values()
        found = Cluster(poolwright, files)
        eventually("two nodes", lambda: len(found.nodes()) == 2, patience=PATIENCE)
        yield found


def test_capacity_follows_what_people_apply_and_nobody_is_refused(cluster: Cluster) -> None:
    cluster.kubectl("create", "namespace", "gpu-tests")
    example = cluster.kubectl("kustomize", str(ROOT / "manifests" / "example"))
    cluster.kubectl("apply", "-f", "-", given=example.replace("@my-project.", f"@{cluster.poolwright.project}."))
    crd = "crd/nodeprovisioners.compute.poolwright.dev"
    cluster.kubectl("wait", "--for=condition=Established", crd, "--timeout=60s")

    cluster.provisioner(minNodes=3, maxNodes=3)
    cluster.kubectl("wait", "--for=condition=Ready", "np/l4", "--timeout=120s")
    begun = len(cluster.uses())  # before, ticks had come to a cluster where nothing was installed
    eventually("a third node", lambda: len(cluster.nodes()) == 3, patience=PATIENCE)
    cluster.provisioner(minNodes=2, maxNodes=2)
    eventually("it is gone", lambda: len(cluster.nodes()) == 2, patience=PATIENCE)
    assert not [each["metadata"]["name"] for each in cluster.nodes() if each["spec"].get("unschedulable")]

    since = cluster.uses()[begun:]
    assert {each.user.partition("@")[0] for each in cluster.uses()} == {"poolwright-step", "poolwright-tick"}
    assert since
    assert [each for each in since if each.code == 403] == []
    columns = cluster.kubectl("get", "np").splitlines()[1].split()
    assert columns[:2] == ["l4", "act"]
