"""Each judge can find something: a small fault in poolwright, in a day of a few pods, and the judge says so. The same
day without the fault is a good one.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest

from localcloud.kubernetes import ClusterApi
from poolwright.adapters import kubernetes_objects as reading
from poolwright.adapters.compute import ComputeEngine
from poolwright.adapters.kubernetes import KubernetesApi
from tests.days.conftest import Begin
from tests.days.day import Day, Violation
from tests.days.people import DUTY_CYCLE, GPU, POOL, SAFE_TO_EVICT, STOP

Json = dict[str, Any]
NODES = 2  # of provisioner `small`, with two GPUs each; one idle node is kept


# The days


def deploy(
    cluster: ClusterApi, name: str, *, replicas: int, least: int, annotations: Json | None = None, **spec: Any
) -> None:
    """Pods, and how many of them must stay."""
    labels = {"app": name}
    pod: Json = {"containers": [{"name": "main", "image": "us-docker.pkg.dev/days/serving/model:1"}], **spec}
    pod["tolerations"] = [{"key": GPU, "operator": "Exists"}]
    template = {"metadata": {"labels": labels, "annotations": annotations or {}}, "spec": pod}
    body = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    cluster.create("deployments.apps", {"metadata": {"name": name}, "spec": body}, "default")
    budget = {"minAvailable": least, "selector": {"matchLabels": labels}}
    cluster.create("poddisruptionbudgets.policy", {"metadata": {"name": name}, "spec": budget}, "default")


def with_gpus(count: int, pool: str = "small") -> Json:
    """What a pod's spec says."""
    container = {"name": "main", "image": "us-docker.pkg.dev/days/serving/model:1"}
    return {"containers": [{**container, "resources": {"limits": {GPU: str(count)}}}], "nodeSelector": {POOL: pool}}


def idle_nodes_with_pods_that_must_stay(day: Day) -> None:
    """Of two idle nodes one could go, but for its pod; a budget counts pods that run."""
    day.there(lambda: day.stack.world.table("gke.timings").update({"pullStock": 5.0}))
    day.there(lambda: deploy(day.api, "web", replicas=NODES, least=NODES))
    day.live(hours=0.6)


def idle_nodes_with_pods_that_forbid_it(day: Day) -> None:
    """The same by annotation."""
    day.there(lambda: deploy(day.api, "web", replicas=NODES, least=0, annotations={SAFE_TO_EVICT: "false"}))
    day.live(hours=0.3)


def idle_nodes_with_pods_of_nobody(day: Day) -> None:
    """Pods that nobody would start again."""
    spec = {"containers": [{"name": "main", "image": "bare:1"}], "tolerations": [{"key": GPU, "operator": "Exists"}]}
    for number in range(NODES):
        body = {"metadata": {"name": f"bare-{number}"}, "spec": spec}
        day.there(lambda body=body: day.api.create("pods", body, "default"))  # type: ignore[misc]
    day.live(hours=0.3)


def idle_nodes_with_pods_that_have_data(day: Day) -> None:
    """Pods whose data would be lost."""
    volumes = [{"name": "scratch", "emptyDir": {}}]
    day.there(lambda: deploy(day.api, "web", replicas=NODES, least=0, volumes=volumes))
    day.live(hours=0.3)


def idle_nodes_with_pods_that_stop_slowly(day: Day) -> None:
    """Pods that take all of their ten minutes."""
    slow: Json = {"annotations": {STOP: "100000"}, "terminationGracePeriodSeconds": 600}
    day.there(lambda: deploy(day.api, "web", replicas=NODES, least=0, **slow))
    day.live(hours=0.5)


def a_busy_node_and_an_idle_one(day: Day) -> None:
    """A pod with GPUs that does little; one node is kept idle beside it."""
    duty = {DUTY_CYCLE: "5"}
    day.there(lambda: deploy(day.api, "chat", replicas=2, least=2, annotations=duty, **with_gpus(2)))
    day.live(hours=0.5)


def pods_that_wait(day: Day) -> None:
    """There is no node for them, and machines take their time."""
    day.there(lambda: day.stack.world.table("compute.timings").update({"provision": 300.0}))
    day.there(lambda: deploy(day.api, "chat", replicas=1, least=0, **with_gpus(8, "large")))
    day.live(hours=0.5)


def more_pods_than_there_may_be_nodes(day: Day) -> None:
    """They would fill nine nodes, and six are allowed."""
    duty = {DUTY_CYCLE: "60"}
    day.there(lambda: deploy(day.api, "chat", replicas=9, least=0, annotations=duty, **with_gpus(2)))
    day.live(hours=0.3)


def nobody_wants_anything(day: Day) -> None:
    """Two idle nodes; one must stay."""
    day.live(hours=0.5)


def a_person_closes_both_nodes(day: Day) -> None:
    """And pods on them must stay."""
    idle = sorted(day.there(lambda: [node["metadata"]["name"] for node in day.api.list("nodes")]))
    day.there(lambda: deploy(day.api, "web", replicas=NODES, least=NODES))
    day.live(hours=0.01)
    for name in idle:
        day.there(lambda name=name: day.cordon(name, closed=True))  # type: ignore[misc]
    day.live(hours=0.6)


# The faults


def patched(owner: Any, name: str, make: Callable[[Any], Any]) -> Callable[[], AbstractContextManager[Any]]:
    """`name` of `owner` becomes what `make` makes of it."""
    return lambda: mock.patch.object(owner, name, make(getattr(owner, name)))


def deletes_pods() -> AbstractContextManager[Any]:
    """Deletes, where it should ask for an eviction."""

    def evict(self: Any, pod: Any) -> bool:
        self._send("DELETE", f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}", {})
        return True

    return mock.patch.object(KubernetesApi, "evict", evict)


def gives_no_grace() -> AbstractContextManager[Any]:
    """Deletes at once."""

    def evict(self: Any, pod: Any) -> bool:
        self._send("DELETE", f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}", {"gracePeriodSeconds": 5})
        return True

    return mock.patch.object(KubernetesApi, "evict", evict)


def pods_read_as(**said: Any) -> Callable[[], AbstractContextManager[Any]]:
    """Every pod is read as if it said something else."""

    def make(real: Any) -> Any:
        return lambda item: dataclasses.replace(real(item), **said)

    return patched(reading, "pod", make)


def sees_pods(seen: Callable[[Any], bool]) -> Callable[[], AbstractContextManager[Any]]:
    """Only some pods."""

    @contextmanager
    def within() -> Iterator[None]:
        with ExitStack() as stack:
            for name in ("pods", "pods_on"):
                real = getattr(KubernetesApi, name)
                blind = mock.patch.object(
                    KubernetesApi, name, lambda *given, real=real: [pod for pod in real(*given) if seen(pod)]
                )
                stack.enter_context(blind)
            yield

    return within


def reads_provisioners_with(**said: Any) -> Callable[[], AbstractContextManager[Any]]:
    """Rules that nobody wrote."""

    def make(real: Any) -> Any:
        def provisioners(self: Any) -> list[Json]:
            found = copy.deepcopy(list(real(self)))
            for each in found:
                each["spec"] |= said
            return found

        return provisioners

    return patched(KubernetesApi, "provisioners", make)


@contextmanager
def sees_no_member_that_is_coming() -> Iterator[None]:
    """Only members that are done, and no target size that would tell of others."""

    def members(real: Any) -> Any:
        return lambda self, group: [each for each in real(self, group) if each["currentAction"] == "NONE"]

    def group(real: Any) -> Any:
        return lambda self, ref: {**real(self, ref), "targetSize": 0}

    with patched(ComputeEngine, "members", members)(), patched(ComputeEngine, "group", group)():
        yield


def never_opens_a_node() -> AbstractContextManager[Any]:
    return mock.patch.object(KubernetesApi, "uncordon", lambda *_, **__: None)


def opens_every_node() -> AbstractContextManager[Any]:
    """Opens whatever it looks at."""

    def make(real: Any) -> Any:
        def nodes(self: Any) -> list[Any]:
            for each in (found := real(self)):
                self.uncordon(each.name)
            return list(found)

        return nodes

    return patched(KubernetesApi, "nodes", make)()


@dataclass(frozen=True)
class Case:
    """A day, a fault, and what a judge says of it."""

    day: Callable[[Day], None]
    fault: Callable[[], AbstractContextManager[Any]]
    finding: str


CASES = (
    Case(idle_nodes_with_pods_that_must_stay, deletes_pods, r"its budget wants 2 pods"),
    Case(idle_nodes_with_pods_that_forbid_it, pods_read_as(annotations={}), r"it forbids its eviction"),
    Case(idle_nodes_with_pods_of_nobody, pods_read_as(owner="ReplicaSet"), r"nobody would start it again"),
    Case(idle_nodes_with_pods_that_have_data, pods_read_as(local_storage=False), r"it has data on its node"),
    Case(idle_nodes_with_pods_that_stop_slowly, gives_no_grace, r"it got 5 s of its 600 s of grace"),
    Case(idle_nodes_with_pods_that_stop_slowly, sees_pods(lambda pod: not pod.deleting), r"which was still stopping"),
    Case(a_busy_node_and_an_idle_one, sees_pods(lambda pod: not pod.node), r"was deleted under pod .* with 2 GPUs"),
    Case(pods_that_wait, sees_no_member_that_is_coming, r"members, and demand explains"),
    Case(pods_that_wait, pods_read_as(unschedulable=False), r"waits for \d+ s"),
    Case(more_pods_than_there_may_be_nodes, reads_provisioners_with(maxNodes=9), r"above maxNodes 6"),
    Case(nobody_wants_anything, reads_provisioners_with(minNodes=0, minUnutilizedGPUNodes=0), r"below minNodes 1"),
    Case(idle_nodes_with_pods_that_must_stay, never_opens_a_node, r"has been cordoned for"),
    Case(a_person_closes_both_nodes, opens_every_node, r"was opened, which a person had cordoned"),
)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.finding)
def test_a_judge_finds_a_fault(begin: Begin, case: Case) -> None:
    day = begin(0)
    day.people = day.mishaps = None
    day.rough = 0.0
    with ExitStack() as stack, pytest.raises(Violation, match=case.finding):
        stack.enter_context(case.fault())
        case.day(day)


@pytest.mark.slow
@pytest.mark.parametrize("play", dict.fromkeys(case.day for case in CASES), ids=lambda play: str(play.__name__))
def test_the_same_day_without_a_fault_is_a_good_one(begin: Begin, play: Callable[[Day], None]) -> None:
    day = begin(0)
    day.people = day.mishaps = None
    day.rough = 0.0
    play(day)
