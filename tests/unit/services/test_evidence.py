"""Which members of a group count as proof: what no stand-in shows at will, a node of an earlier VM, a pull of a pod."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from poolwright.environments import ClusterPlace, Environment
from poolwright.nodes import CORDONED_FOR, INSTANCE_ID, POOL_LABEL, ConfigMap, ImagePull, Node, Pod
from poolwright.references import ClusterRef, GroupRef, PoolRef
from poolwright.rollouts.gates.evidence import Evidence
from poolwright.rollouts.rollout import Policy, Rollout, Target, Wave
from poolwright.services import evidence
from poolwright.services.ports import Cluster, Listed, NodePool, Ports

Json = dict[str, Any]
GROUP = GroupRef("acme-dev", "us-central1-a", "gke-serving-l4-0f3ebdd3-grp")
POOL = PoolRef(ClusterRef("acme-dev", "us-central1", "serving"), "l4")
IMAGE = "https://www.googleapis.com/compute/v1/projects/acme-dev/global/images/poolwright-dev-42"
INSTANCE = "https://www.googleapis.com/compute/v1/projects/acme-dev/zones/us-central1-a/instances/n1"
CHAT = "gcr.io/acme/chat:7"
BEGAN = 1_700_000_000.0


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def node(name: str = "n1", *, at: float = BEGAN + 60, ready: bool = True, identity: str = "1", **more: Any) -> Node:
    annotations = {INSTANCE_ID: identity, **more.pop("annotations", {})}
    return Node(
        name, ready=ready, cordoned=more.pop("cordoned", False), gpus=1, labels={POOL_LABEL: "l4"}, created=at,
        annotations=annotations, **more,
    )  # fmt: skip


class Google:
    """One group with one member, and its cluster."""

    def __init__(self) -> None:
        self.nodes = [node()]
        self.pulls: list[ImagePull] = []
        self.pods: list[Pod] = []
        self.config_maps: list[ConfigMap] = []
        self.disk_time = BEGAN + 30
        self.member: Json = {
            "instance": INSTANCE, "id": "1", "currentAction": "NONE",
            "version": {"instanceTemplate": "global/instanceTemplates/gke-serving-l4-pw-42-0123456789"},
        }  # fmt: skip

    def see(self, *, now: float = BEGAN + 300, cache: bool = False) -> Evidence:
        pool = NodePool(POOL, "RUNNING", "1.33", "g2-standard-12", ("nvidia-l4",), 1, {}, False, (GROUP,))
        disk = {"creationTimestamp": moment(self.disk_time), "users": [INSTANCE]}
        kubernetes = SimpleNamespace(
            nodes=lambda: self.nodes,
            pods=lambda: self.pods,
            image_pulls=lambda: self.pulls,
            config_maps=lambda namespace: self.config_maps,
        )
        ports = SimpleNamespace(
            compute=SimpleNamespace(
                groups=lambda project: Listed(()),
                members=lambda group: [self.member],
                boot_disks=lambda project, image: [disk] if image == IMAGE else [],
            ),
            gke=SimpleNamespace(cluster=lambda ref: Cluster(ref, "uid", "RUNNING", False, (pool,))),
            clusters=SimpleNamespace(kubernetes=lambda ref: kubernetes),
            clock=SimpleNamespace(now=lambda: now),
        )
        return evidence.gather(cast(Ports, ports), environment(cache=cache), rollout(), now=now)


def environment(*, cache: bool) -> Environment:
    made = Environment(
        name="dev", project="acme-dev", clusters=(ClusterPlace(name="serving", location="us-central1"),),
        build_service_account="builder@acme-dev.iam.gserviceaccount.com",
    )  # fmt: skip
    gates = msgspec.structs.replace(made.rollout.gates, cache_hit=cache)
    return msgspec.structs.replace(
        made,
        rollout=msgspec.structs.replace(made.rollout, gates=gates),
        build=msgspec.structs.replace(made.build, containers=(CHAT,)),
    )


def rollout() -> Rollout:
    target = Target(group=str(GROUP), pool=str(POOL), state="mutated")
    return Rollout(
        id="dev-42", environment="dev", run_id=42, image="poolwright-dev-42", phase="verifying",
        waves=(Wave(name="canary", targets=(target,), began=BEGAN, baseline=0),), facts={"selfLink": IMAGE},
        policy=Policy(bake_seconds=60, node_ready_seconds=900, canary_node=True, roll_back_on_failure=True),
    )  # fmt: skip


@pytest.fixture
def google() -> Google:
    return Google()


def test_a_member_whose_boot_disk_was_made_of_the_image_since_the_wave_began_is_proof(google: Google) -> None:
    (seen,) = google.see().nodes
    assert (seen.registered, seen.booted, seen.since) == (True, "poolwright-dev-42", BEGAN + 30)
    assert (seen.accelerator, seen.cluster) == ("nvidia-l4", str(POOL.cluster))


def test_a_member_that_is_older_than_the_wave_proves_nothing(google: Google) -> None:
    google.disk_time = BEGAN - 600
    assert google.see().nodes == ()


def test_a_node_that_people_suspended_proves_nothing(google: Google) -> None:
    google.config_maps = [ConfigMap("poolwright-node-n1", {"STATE": "DrainAndSuspend"}, "7")]
    google.nodes = [node("n1", ready=False, cordoned=True)]
    assert google.see().nodes == ()
    google.config_maps = [ConfigMap("poolwright", {"STATE": "DrainAndSuspend"}, "7")]
    assert len(google.see().nodes) == 1


def test_the_node_of_an_earlier_vm_of_that_name_is_not_the_members(google: Google) -> None:
    google.nodes = [node(identity="0", at=BEGAN - 9000)]
    (seen,) = google.see().nodes
    assert not seen.registered


def test_older_nodes_that_stay_not_ready_are_counted_and_new_closed_or_dying_ones_are_not(google: Google) -> None:
    def ill(name: str, **more: Any) -> Node:
        return node(name, ready=False, **{"at": BEGAN - 9000, "ready_changed": BEGAN, **more})

    google.nodes += [
        ill("counts"), ill("new", at=BEGAN + 100), ill("closed", cordoned=True),
        ill("dying", ready_changed=BEGAN + 290),
        ill("ours", cordoned=True, annotations={CORDONED_FOR: "dev-42"}),
    ]  # fmt: skip
    assert google.see().not_ready == ("counts",)


@pytest.mark.parametrize(
    ("was_there", "pod", "always", "known"),
    [
        (True, "gone", False, "hit"),
        (False, "chat", False, "miss"),
        (False, "chat", True, "unknown"),
        (False, "gone", False, "unknown"),
        (False, "poolwright-smoke-123-x", False, "miss"),
    ],
)
def test_a_pull_counts_by_whose_it_is(google: Google, was_there: bool, pod: str, always: bool, known: str) -> None:
    google.pods = [
        Pod("default", "chat", "n1", "Running", 1, "ReplicaSet", always_pulled=frozenset({CHAT} if always else ()))
    ]
    google.pulls = [ImagePull("n1", "default", pod, CHAT, was_there, BEGAN + 200)]
    (seen,) = google.see(cache=True).nodes
    assert seen.cache == {CHAT: known}
    google.pulls = [ImagePull("n1", "default", "chat", CHAT, False, BEGAN - 50)]
    (seen,) = google.see(cache=True).nodes
    assert seen.cache == {CHAT: "unknown"}, "that was the VM before"
