"""The gates of a wave: each alone, and what they come to together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.nodes import ImagePull, Job
from poolwright.rollouts import smoke_jobs
from poolwright.rollouts.gates import cache_hit, gpus, image, not_ready, ready, smoke
from poolwright.rollouts.gates.cache_hit import same_image
from poolwright.rollouts.gates.evidence import BootedNode, Evidence, SmokeRun
from poolwright.rollouts.gates.judgement import judge
from poolwright.rollouts.gates.result import GateResult

IMAGE = "poolwright-dev-42"
DIGEST = "sha256:" + "a" * 64
CHAT = f"gcr.io/acme/chat@{DIGEST}"
CLUSTER = "projects/acme-dev/locations/us-central1/clusters/serving"


def node(name: str = "n1", **changes: object) -> BootedNode:
    good = BootedNode(
        name=name, group="g", registered=True, ready=True, gpus=2, gpus_expected=2, since=100.0, booted=IMAGE,
        accelerator="nvidia-l4", cluster=CLUSTER, gpus_free=2,
    )  # fmt: skip
    return replace(good, **changes)  # type: ignore[arg-type]


def wave(*nodes: BootedNode, now: float = 200.0, **changes: object) -> Evidence:
    seen = Evidence(wave="canary", now=now, image=IMAGE, node_ready_seconds=900, nodes=nodes, baseline=0)
    return replace(seen, **changes)  # type: ignore[arg-type]


def verdict(result: GateResult | None) -> str:
    assert result is not None, "the gate was not asked"
    assert result.reason
    return result.verdict


def test_a_node_that_is_late_fails_the_wave_and_one_that_is_not_yet_is_waited_for() -> None:
    coming = node(registered=False, ready=False, gpus=0, booted="")
    assert verdict(ready.judge(wave(coming))) == "not yet"
    assert verdict(ready.judge(wave(coming, now=1001.0))) == "failed"
    assert "not Ready after 900 s" in (ready.judge(wave(node(ready=False), now=1001.0)) or GateResult).reason
    assert verdict(ready.judge(wave(node("n1"), node("n2")))) == "passed"


def test_a_node_made_late_has_its_time_from_when_it_was_made() -> None:
    assert verdict(ready.judge(wave(node(ready=False, since=900.0), now=1001.0))) == "not yet"


def test_a_node_that_cannot_be_made_fails_the_wave_unless_there_is_no_room_for_it() -> None:
    wrong = node(registered=False, ready=False, errors=("CONDITION_NOT_MET: the image is gone",))
    assert verdict(ready.judge(wave(wrong))) == "failed"
    for weather in ("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS: no L4", "QUOTA_EXCEEDED: NVIDIA_L4_GPUS"):
        dry = node(registered=False, ready=False, errors=(weather,))
        assert verdict(ready.judge(wave(dry, now=5000.0))) == "not yet"


def test_a_wave_without_a_node_is_unproven_whatever_else_is_well() -> None:
    judged = judge(wave())
    assert judged.verdict == "unproven"
    assert {result.gate: result.verdict for result in judged.results} == {
        not_ready.NAME: "passed", ready.NAME: "unproven",
    }  # fmt: skip


def test_a_node_is_on_our_image_only_if_its_boot_disk_was_made_of_it() -> None:
    assert verdict(image.judge(wave(node()))) == "passed"
    assert verdict(image.judge(wave(node(booted="gke-1335-cos")))) == "failed"
    assert verdict(image.judge(wave(node(booted="")))) == "not yet"
    assert verdict(image.judge(wave(node(booted=""), now=1001.0))) == "failed"
    assert image.judge(wave(node(registered=False))) is None


def test_gpus_must_all_be_allocatable_in_time() -> None:
    assert verdict(gpus.judge(wave(node(gpus=1)))) == "not yet"
    assert verdict(gpus.judge(wave(node(gpus=1), now=1001.0))) == "failed"
    assert verdict(gpus.judge(wave(node()))) == "passed"
    assert gpus.judge(wave(node(ready=False))) is None, "the node's own gate speaks first"


def test_a_container_that_had_to_be_pulled_fails_the_wave_and_an_unknown_one_does_not() -> None:
    both = (CHAT, "nginx:1.27")
    hit = node(cache={CHAT: "hit", "nginx:1.27": "hit"})
    assert verdict(cache_hit.judge(wave(hit, containers=both))) == "passed"
    assert verdict(cache_hit.judge(wave(hit, node(cache={CHAT: "miss"}), containers=both))) == "failed"
    unknown = wave(node(cache={CHAT: "hit"}), containers=both)
    assert verdict(cache_hit.judge(unknown)) == "unknown"
    judged = judge(unknown)
    assert judged.verdict == "passed" and "cache hit is unknown" in judged.reason
    assert cache_hit.judge(wave(hit)) is None


def pull(image_name: str, *, was_there: bool) -> ImagePull:
    return ImagePull("n1", "default", "chat-1", image_name, was_there, 0.0)


def test_what_a_kubelet_says_of_an_image_outweighs_the_list_of_its_node() -> None:
    known = cache_hit.known(
        [CHAT, "nginx:1.27", "gcr.io/acme/other:1", "gcr.io/acme/new:1"],
        images=[CHAT, "docker.io/library/nginx:1.27"],
        pulls=[pull("nginx:1.27", was_there=False), pull("gcr.io/acme/other:1", was_there=True)],
    )
    assert known == {
        CHAT: "hit", "nginx:1.27": "miss", "gcr.io/acme/other:1": "hit", "gcr.io/acme/new:1": "unknown",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("nginx", "docker.io/library/nginx:latest", True),
        ("nginx:1.27", "nginx", False),
        ("acme/chat:1", "docker.io/acme/chat:1", True),
        ("localhost:5000/chat", "localhost:5000/chat:latest", True),
        ("registry:5000/chat:1", "registry:5000/chat:2", False),
        (f"gcr.io/acme/chat:7@{DIGEST}", CHAT, True),
        (f"gcr.io/acme/chat:7@{DIGEST}", "gcr.io/acme/chat:7", True),
        (CHAT, "gcr.io/acme/chat:7", False),
        (CHAT, "gcr.io/acme/chat@sha256:" + "b" * 64, False),
    ],
)
def test_images_are_told_apart_as_a_registry_does(one: str, other: str, same: bool) -> None:
    assert same_image(one, other) is same
    assert same_image(other, one) is same


def test_more_older_nodes_that_are_not_ready_than_before_fail_the_wave_even_where_no_node_booted() -> None:
    judged = judge(wave(not_ready=("old-1", "old-2"), baseline=1))
    assert judged.verdict == "failed"
    assert judged.reason == "2 older nodes are NotReady (old-1, old-2); 1 were when canary began"
    assert judge(wave(node(gpus=0), not_ready=("old-1",))).verdict == "failed", "whatever else is still on its way"
    assert judge(wave(node(), not_ready=("old-1", "old-2"), baseline=1, not_ready_rise=1)).verdict == "passed"
    assert judge(wave(node(), not_ready=("old-1",), baseline=None)).verdict == "passed", "nobody counted"


def run(state: str = "running", **changes: object) -> SmokeRun:
    made = SmokeRun(
        number=0, accelerator="nvidia-l4", state="running", job="poolwright-smoke-1", node="n1", cluster=CLUSTER,
        namespace="default", gpus=2,
    )  # fmt: skip
    return replace(made, state=state, **changes)  # type: ignore[arg-type]


def test_a_smoke_job_is_started_when_all_else_is_well_and_decides_then() -> None:
    wanted = wave(node(), smoke=(run("wanted"),))
    judged = judge(wanted)
    assert judged.verdict == "not yet"
    assert smoke.to_start(wanted, judged.results) == wanted.smoke
    early = wave(node(gpus=0), smoke=(run("wanted"),))
    assert smoke.to_start(early, judge(early).results) == ()
    assert smoke.to_start(wave(node(), smoke=(run(),)), judge(wave(node(), smoke=(run(),))).results) == ()
    failed = judge(wave(node(), smoke=(run("passed"), run("failed", reason="exit code 1"))))
    assert failed.verdict == "failed" and failed.reason.endswith("failed on node n1: exit code 1")
    assert judge(wave(node(), smoke=(run("passed"),))).verdict == "passed"


def test_a_smoke_gate_that_has_passed_stays_so_and_its_jobs_are_cleared_away() -> None:
    kept = judge(wave(node(), smoke=(run("passed"),))).results
    gone = wave(node(), smoke=(run("wanted"),), kept=kept)
    assert judge(gone).verdict == "passed"
    assert smoke.to_clear(gone) == ()
    assert smoke.to_clear(replace(gone, smoke=(run("passed"),))) == (run("passed"),)
    assert smoke.to_clear(wave(node(), smoke=(run("passed"),))) == (), "nothing says yet that it has passed"


def runs(*nodes: BootedNode, there: tuple[tuple[str, Job], ...] = (), only: tuple[str, ...] = ()) -> list[SmokeRun]:
    return smoke_jobs.runs(
        "dev-42", 0, number=0, namespace="default", accelerators=only, nodes=nodes, there=there
    )  # fmt: skip


def test_each_accelerator_gets_one_smoke_job_on_a_node_with_a_free_gpu() -> None:
    busy, free, other = node("a", gpus_free=0), node("b", gpus_free=1), node("c", accelerator="nvidia-h100-80gb")
    found = runs(busy, free, other)
    assert [(each.accelerator, each.node, each.gpus) for each in found] == [
        ("nvidia-h100-80gb", "c", 2), ("nvidia-l4", "b", 1),
    ]  # fmt: skip
    assert [each.accelerator for each in runs(busy, free, other, only=("nvidia-l4",))] == ["nvidia-l4"]
    (waits,) = runs(busy)
    assert waits.state == "wanted" and not waits.job and "free GPU" in waits.reason


def test_a_job_that_is_there_is_the_one_and_one_on_a_node_that_is_gone_counts_no_more() -> None:
    def job(on: str) -> tuple[str, Job]:
        labels = {**smoke_jobs.labels("dev-42", 0), smoke_jobs.NUMBER: "0"}
        return CLUSTER, Job("default", f"job-{on}", on, labels, "failed", "exit code 1")

    (found,) = runs(node("a"), node("b"), there=(job("b"),))
    assert (found.node, found.state, found.reason) == ("b", "failed", "exit code 1")
    (fresh,) = runs(node("a"), there=(job("gone"),))
    assert (fresh.node, fresh.state) == ("a", "wanted")


@given(st.permutations(["a", "b", "c"]))
def test_a_repeat_names_the_same_job(order: list[str]) -> None:
    (found,) = runs(*(node(name) for name in order))
    assert (found.node, found.job) == ("a", runs(node("a"))[0].job)
    body = smoke_jobs.manifest(found, rollout="dev-42", wave=0, image=CHAT, command=("true",), timeout_seconds=60)
    assert body["metadata"]["name"] == found.job and len(found.job) <= 63
    assert body["spec"]["backoffLimit"] == 0 and body["spec"]["activeDeadlineSeconds"] == 60
    pod = body["spec"]["template"]["spec"]
    assert pod["nodeSelector"] == {"kubernetes.io/hostname": "a"}
    assert pod["containers"][0]["resources"] == {"limits": {"nvidia.com/gpu": "2"}}
