"""Some hours, sixty fold, on a real control plane with deployed functions: its scheduler places the pods, its budgets
and its eviction decide who may leave, its authorizer what our identities may do. What is judged is what kubectl shows
and the audit log says.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from localcloud import audit_log
from localcloud.control_plane import BINARY
from localcloud.deployment import FUNCTIONS, identity
from tests.days.people import DUTY_CYCLE, GPU, RUN, SAFE_TO_EVICT
from tests.end_to_end.deployed import Deployed, deployed, eventually
from tests.real_stack import WORLD
from tools import package

pytestmark = [pytest.mark.kubernetes, pytest.mark.kubectl, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("DAYS_SEED", "1"))
SPEED, LASTS, PATIENCE = 60.0, 90.0, 240.0  # the last two in seconds of the machine's own
SERVED_WITHIN = 90.0
MOST_NODES = 5
Json = dict[str, Any]


@dataclass
class RealDay:
    """The cluster of the world, and what was seen in it."""

    poolwright: Deployed
    kubeconfig: str
    audit: Path
    findings: list[str] = field(default_factory=list)
    _running: dict[str, Json] = field(default_factory=dict)
    _waits: dict[str, float] = field(default_factory=dict)
    waited: set[str] = field(default_factory=set)
    most: int = 0

    def kubectl(self, *words: str, given: str = "") -> str:
        """What the administrator's command prints; it must succeed."""
        env = {**os.environ, "KUBECONFIG": self.kubeconfig}
        done = subprocess.run(
            ["kubectl", *words], env=env, input=given, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
        return done.stdout

    def objects(self, kind: str) -> list[Json]:
        """Objects of the default namespace, or of none."""
        found: list[Json] = json.loads(self.kubectl("get", kind, "-o", "json"))["items"]
        return found

    def apply(self, *bodies: Json) -> None:
        """Somebody does."""
        self.kubectl("apply", "-f", "-", given=yaml.safe_dump_all(bodies))

    def look(self) -> None:
        """Judge what is so now."""
        now, pods, nodes = time.monotonic(), self.objects("pods"), self.objects("nodes")
        self.most = max(self.most, len(nodes))
        by_name = {each["metadata"]["name"]: each for each in pods}
        for name, before in self._running.items():
            phase = by_name.get(name, {}).get("status", {}).get("phase", "gone")
            if phase in ("gone", "Failed") and _must_stay(before):
                self.findings.append(f"pod {name}, which must not be evicted, is {phase}")
        self._running = {name: each for name, each in by_name.items() if each["status"].get("phase") == "Running"}
        waiting = {name for name, each in by_name.items() if not each["spec"].get("nodeName")}
        self.waited |= waiting
        self._waits = {name: self._waits.get(name, now) for name in waiting}
        for name, since in self._waits.items():
            if now - since > SERVED_WITHIN and len(nodes) < MOST_NODES:
                self.findings.append(f"pod {name} waits for {now - since:.0f} s, and there are {len(nodes)} nodes")
        if len(nodes) > MOST_NODES:
            self.findings.append(f"{len(nodes)} nodes, and {MOST_NODES} are allowed")
        assert not self.findings, "\n".join(self.findings)

    def uses(self) -> list[audit_log.Use]:
        """What our functions asked the cluster for."""
        ours = {identity(function, self.poolwright.project) for function in FUNCTIONS}
        return [each for each in audit_log.read(self.audit) if each.user in ours]

    def closed(self) -> list[str]:
        """Nodes that are cordoned."""
        return [each["metadata"]["name"] for each in self.objects("nodes") if each["spec"].get("unschedulable")]


def _must_stay(pod: Json) -> bool:
    return (pod["metadata"].get("annotations") or {}).get(SAFE_TO_EVICT) == "false"


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealDay]:
    if not BINARY.exists():
        pytest.skip("there is no real control plane here: make kubernetes builds it")
    archive = package.build(tmp_path_factory.mktemp("package") / "functions.zip")
    folder = tmp_path_factory.mktemp("deployed")
    with deployed(archive, folder, state=WORLD, speed=SPEED, kubernetes="real") as poolwright:
        (files,) = poolwright.control("GET", "/clusters").values()
        found = RealDay(poolwright, files["kubeconfig"], Path(files["audit"]))
        eventually("two nodes", lambda: len(found.objects("nodes")) == 2, patience=PATIENCE)
        _install(found)
        yield found


def _install(day: RealDay) -> None:
    """What the kustomize example has, and a provisioner of the world's pool."""
    day.kubectl("create", "namespace", "gpu-tests")
    example = day.kubectl("kustomize", str(ROOT / "manifests" / "example"))
    day.kubectl("apply", "-f", "-", given=example.replace("@my-project.", f"@{day.poolwright.project}."))
    crd = "crd/nodeprovisioners.compute.poolwright.dev"
    day.kubectl("wait", "--for=condition=Established", crd, "--timeout=60s")
    (ref,) = day.poolwright.stage.story.environment.cluster_refs()
    (pool,) = day.poolwright.ports.gke.cluster(ref).pools
    spec = {
        "existingInstanceGroupNames": [f"{group.zone}/{group.name}" for group in pool.groups],
        "minGPUUtilizationPercent": 40, "minNodes": 1, "maxNodes": MOST_NODES, "cooldowns": {"scaleDownSeconds": 5},
        "drain": {"timeoutSeconds": 30},
    }  # fmt: skip
    kind = {"apiVersion": "compute.poolwright.dev/v1alpha1", "kind": "NodeProvisioner"}
    day.apply({**kind, "metadata": {"name": "l4"}, "spec": spec})


def _web(name: str, *, replicas: int, least: int) -> tuple[Json, Json]:
    """Pods without GPUs that go where there is room, and their budget."""
    labels = {"app": name}
    container = {"name": "main", "image": "us-docker.pkg.dev/days/web:1"}
    spec = {"containers": [container], "tolerations": [{"key": GPU, "operator": "Exists"}]}
    body = {"replicas": replicas, "selector": {"matchLabels": labels}}
    budget = {"minAvailable": least, "selector": {"matchLabels": labels}}
    return (
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
         "spec": {**body, "template": {"metadata": {"labels": labels}, "spec": spec}}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": budget},
    )  # fmt: skip


def _job(dice: random.Random, number: int) -> Json:
    """It works for some of the machine's own seconds."""
    container = {"name": "main", "image": "us-docker.pkg.dev/days/train:1"}
    container["resources"] = {"limits": {GPU: str(dice.choice((1, 1, 2)))}}  # type: ignore[assignment]
    annotations = {RUN: str(dice.randint(8, 30)), DUTY_CYCLE: str(dice.choice((5, 60, 90)))}
    if dice.random() < 0.5:
        annotations[SAFE_TO_EVICT] = "false"
    spec = {"containers": [container], "restartPolicy": "Never"}
    template = {"metadata": {"annotations": annotations}, "spec": spec}
    body = {"backoffLimit": 100, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": f"job-{number}"}, "spec": body}


def test_hours_on_a_real_control_plane_go_well(day: RealDay) -> None:
    print(f"repeat this day with DAYS_SEED={SEED}")
    dice, number, end = random.Random(SEED), 0, time.monotonic() + LASTS
    day.apply(*_web("web", replicas=3, least=2))
    arrives = time.monotonic()
    while time.monotonic() < end:
        if time.monotonic() >= arrives:
            arrives += dice.expovariate(1 / 4.0)
            number += 1
            day.apply(_job(dice, number))
        day.look()
        time.sleep(0.5)
    day.kubectl("delete", "jobs", "--all", "--wait=false")
    eventually("fewer nodes", lambda: len(day.objects("nodes")) == 1 and not day.closed(), patience=PATIENCE)
    assert day.waited
    assert day.most > 2
    uses = day.uses()
    assert any((each.verb, each.resource) == ("patch", "nodes") for each in uses), "no node was ever closed"
    assert [each for each in uses if each.verb == "delete" and each.resource == "pods"] == []
    assert len(day.objects("pods")) == 3
