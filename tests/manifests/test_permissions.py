"""What the functions may do in a cluster is what they do there: use cases run as the Users that they are, on the real
authorizer, and the audit log says which verbs were used."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from poolwright.bootstrap import ports
from poolwright.events import work
from poolwright.events.envelope import Message
from poolwright.events.tick import Tick
from poolwright.references import ClusterRef
from poolwright.rollouts.gates.evidence import BootedNode
from poolwright.rollouts.rollout import Policy, Rollout, Target, Wave
from poolwright.services import smoke_jobs, state, step, tick
from poolwright.services.ports import Ports
from poolwright.settings import Settings
from poolwright.verdicts import Verdict
from tests.manifests.cluster import MANIFESTS
from tests.real_stack import RealStack, eventually

pytestmark = [pytest.mark.kubernetes, pytest.mark.kubectl, pytest.mark.slow]

Json = dict[str, Any]
SMOKE = {"image": "us-docker.pkg.dev/demo/smoke:1", "namespace": "gpu-tests"}
EVERYWHERE = "*"


@dataclass(frozen=True, order=True)
class Verb:
    """One verb on one resource in one namespace, or everywhere."""

    user: str
    verb: str
    group: str
    resource: str
    namespace: str


class Recorded:
    """Takes what is published, instead of Pub/Sub."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []

    def publish(self, topic: str, data: bytes, attributes: Any = None) -> str:
        self.messages.append((topic, data))
        return "1"

    def publish_all(self, topic: str, messages: Any) -> None:
        self.messages += [(topic, data) for data, _ in messages]


class Functions:
    """`tick` and `step` in this process, each signed in as the identity that it has on Google."""

    def __init__(self, stack: RealStack, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stack = stack
        self.cluster = ClusterRef.parse(stack.cluster)
        self.users = {name: f"poolwright-{name}@{stack.project}.iam.gserviceaccount.com" for name in ("step", "tick")}
        (folder / "real.yaml").write_text(
            json.dumps({
                "name": "real", "project": stack.project, "mode": "act",
                "clusters": [{"name": self.cluster.name, "location": self.cluster.location}],
                "buildServiceAccount": f"image-builder@{stack.project}.iam.gserviceaccount.com",
                "rollout": {"gates": {"smokeJobs": [SMOKE]}},
            }),
            "utf-8",
        )  # fmt: skip
        self.settings = Settings(
            project=stack.project, environments=folder, store=f"sqlite:{folder / 'store'}",
            endpoints=stack.served.endpoints,
        )  # fmt: skip
        self.published = Recorded()
        self.tick_ports, self.step_ports = (self._ports(name, monkeypatch) for name in ("tick", "step"))

    def _ports(self, function: str, monkeypatch: pytest.MonkeyPatch) -> Ports:
        made = ports(self.settings)
        made.__dict__["publisher"] = self.published
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(self.stack.account(self.users[function])))
        assert made.clusters.kubernetes(self.cluster) is not None  # credentials are looked for at their first use
        return made

    def look(self) -> None:
        """A tick, and every step that it asks for, with those that these ask for, up to a bound."""
        now = datetime.now(UTC)
        tick.handle(Tick(message_id="1", publish_time=now, subscription="tick"), self.tick_ports)
        for _ in range(20):
            if not self.published.messages:
                return
            topic, data = self.published.messages.pop(0)
            if topic == "work":
                message = Message(id="1", publish_time=now, attributes={}, data=data, subscription="step")
                with contextlib.suppress(Verdict):  # busy, or about nothing any more: the next tick asks again
                    step.handle(work.decode(message), self.step_ports)

    def until(self, what: str, holds: Callable[[], Any]) -> Any:
        """Looks around again and again until it holds."""

        def looked() -> Any:
            self.look()
            return holds()

        return eventually(what, looked, patience=180)


@pytest.fixture(scope="module")
def functions(real_stack: RealStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    """With what the kustomize example installs, for this project; taken away again."""
    stack, gone = real_stack, ["--ignore-not-found", "--wait"]
    made = subprocess.run(["kubectl", "kustomize", MANIFESTS / "example"], capture_output=True, text=True, check=True)
    everything = made.stdout.replace("@my-project.", f"@{stack.project}.")
    assert stack.kubectl("create", "namespace", SMOKE["namespace"]).returncode == 0
    assert stack.kubectl("apply", "-f", "-", stdin=everything).returncode == 0
    crd = "crd/nodeprovisioners.compute.poolwright.dev"
    assert stack.kubectl("wait", "--for=condition=Established", crd, "--timeout=60s").returncode == 0
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield Functions(stack, tmp_path_factory.mktemp("environment"), monkeypatch)
    stack.kubectl("delete", "deployment", "web", *gone)
    stack.kubectl("delete", "-f", "-", *gone, stdin=everything)
    stack.kubectl("delete", "namespace", SMOKE["namespace"], *gone)


def granted(functions: Functions) -> set[Verb]:
    """What the bindings in the cluster give each function."""
    get = functions.stack.json
    found = set()
    for binding in [*get("clusterrolebindings")["items"], *get("rolebindings", "--all-namespaces")["items"]]:
        users = {each["name"] for each in binding.get("subjects", []) if each["kind"] == "User"}
        namespace = binding["metadata"].get("namespace", EVERYWHERE)
        for function in (name for name, email in functions.users.items() if email in users):
            role = binding["roleRef"]
            where = ("-n", namespace) if role["kind"] == "Role" else ()
            for rule in get(role["kind"].lower(), role["name"], *where)["rules"]:
                assert "resourceNames" not in rule
                for group in rule["apiGroups"]:
                    found |= {
                        Verb(function, verb, group, kind, namespace)
                        for verb in rule["verbs"]
                        for kind in rule["resources"]
                    }
    return found


def used(functions: Functions, given: set[Verb]) -> tuple[set[Verb], list[Any]]:
    """Which of these were used, and the requests that were forbidden."""
    names = {email: name for name, email in functions.users.items()}
    uses = [each for each in functions.stack.audit() if each.user in names]
    met = {
        verb
        for verb in given
        for each in uses
        if (names[each.user], each.verb, each.group, each.resource) == (verb.user, verb.verb, verb.group, verb.resource)
        and verb.namespace in (EVERYWHERE, each.namespace)
    }
    return met, [each for each in uses if each.code == 403]


def provisioner(functions: Functions, **spec: Any) -> None:
    body = {
        "apiVersion": "compute.poolwright.dev/v1alpha1",
        "kind": "NodeProvisioner",
        "metadata": {"name": "l4"},
        "spec": {"existingInstanceGroupNames": functions.stack.groups, "cooldowns": {"scaleDownSeconds": 0}, **spec},
    }
    functions.stack.apply(body)


def pods_everywhere(functions: Functions) -> None:
    """Pods without GPUs, that a controller makes again, on every node."""
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    spread |= {"labelSelector": {"matchLabels": {"app": "web"}}}
    spec = {
        "containers": [{"name": "main", "image": "us-docker.pkg.dev/demo/web:1"}],
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "topologySpreadConstraints": [spread],
        "terminationGracePeriodSeconds": 1,
    }
    template = {"metadata": {"labels": {"app": "web"}}, "spec": spec}
    functions.stack.apply({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    })  # fmt: skip
    eventually("pods on every node", lambda: len(hosts(functions)) == len(functions.stack.nodes()))


def hosts(functions: Functions) -> set[str]:
    found = functions.stack.json("pods", "-l", "app=web")["items"]
    return {each["spec"]["nodeName"] for each in found if each["status"].get("phase") == "Running"}


def closed(functions: Functions) -> list[str]:
    every = functions.stack.json("nodes")["items"]
    return [each["metadata"]["name"] for each in every if each["spec"].get("unschedulable")]


def grow_and_shrink(functions: Functions) -> None:
    provisioner(functions, minNodes=3, maxNodes=3)
    functions.until("a third node", lambda: len(functions.stack.nodes()) == 3)
    provisioner(functions, minNodes=2, maxNodes=2)
    pods_everywhere(functions)
    functions.until("it is gone", lambda: len(functions.stack.json("nodes")["items"]) == 2)
    functions.until("nothing is closed", lambda: not closed(functions))


def suspend_a_node(functions: Functions) -> None:
    node = sorted(hosts(functions))[0]
    name = f"{state.OF_NODE}{node}"
    config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": state.NAMESPACE}}
    functions.stack.apply({**config_map, "data": {state.KEY: state.SUSPENDED}})
    functions.until("it is closed and empty", lambda: closed(functions) == [node] and node not in hosts(functions))
    assert functions.stack.kubectl("delete", "configmap", name, "-n", state.NAMESPACE).returncode == 0
    functions.until("it is open again", lambda: not closed(functions))


def prove_a_wave(functions: Functions) -> None:
    """What the gates of a rollout ask the cluster."""
    outside = functions.step_ports
    (environment,) = outside.environments
    node = functions.stack.nodes()[0]["metadata"]["name"]
    wave = Wave(name="canary", targets=(Target(group="g", pool="l4"),))
    policy = Policy(bake_seconds=1, node_ready_seconds=60, canary_node=False, roll_back_on_failure=True)
    rollout = Rollout(
        id="real-1", environment="real", run_id=1, image="i", waves=(wave,), policy=policy, phase="verifying"
    )
    booted = BootedNode(
        name=node, group="g", registered=True, ready=True, gpus=2, gpus_expected=2, accelerator="nvidia-l4",
        cluster=str(functions.cluster), gpus_free=2,
    )  # fmt: skip
    wanted = smoke_jobs.find(outside, environment, rollout, [booted])
    smoke_jobs.start(outside, environment, rollout, wanted)
    (running,) = smoke_jobs.find(outside, environment, rollout, [booted])
    smoke_jobs.clear(outside, environment, rollout, [running])
    assert isinstance(outside.clusters.kubernetes(functions.cluster).image_pulls(), list)


def test_the_functions_may_do_what_they_do_and_nothing_else(functions: Functions) -> None:
    grow_and_shrink(functions)
    suspend_a_node(functions)
    prove_a_wave(functions)
    ready = functions.stack.json("np", "l4")["status"]["conditions"][0]
    assert (ready["type"], ready["status"]) == ("Ready", "True"), ready
    given = granted(functions)
    met, forbidden = used(functions, given)
    assert forbidden == []
    assert given - met == set()
