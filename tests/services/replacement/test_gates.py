"""What a wave must show, on nodes that boot and Jobs that run: the real adapters on the stand-in, in manual time."""

from __future__ import annotations

from typing import Any

from tests.chaos.flows.world import CLUSTER, NAME, ZONES, command, image, phase, reason, rollout, table
from tests.chaos.harness import Flow
from tests.services.replacement.conftest import Begin

SMOKE = "us-docker.pkg.dev/chaos/smoke@sha256:" + "5" * 64
GATES = {"smokeJobs": [{"image": SMOKE, "timeoutSeconds": 300}], "cacheHit": True}
BUILD = {"containers": [SMOKE]}


def verdicts(flow: Flow, wave: int = 0) -> dict[str, str]:
    return {each["gate"]: each["verdict"] for each in rollout(flow, 1)["waves"][wave]["results"]}


def jobs(flow: Flow) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = flow.there(lambda: flow.kubernetes(CLUSTER).list("jobs.batch"))
    return found


def start(flow: Flow, *, baked: bool = True) -> None:
    image(flow, run_id=1)
    if baked:
        flow.there(lambda: table(flow, "gke.bakedImages").update({SMOKE: 5_000_000_000}))
    flow.begin()
    command(flow, "start")


def test_a_smoke_job_on_a_preloaded_image_proves_gpus_and_cache_and_is_cleared_away(begin: Begin) -> None:
    with begin(rollout={"gates": GATES}, build=BUILD) as flow:
        start(flow)
        flow.until(lambda: bool(jobs(flow)), what="a smoke Job")
        (job,) = jobs(flow)
        assert job["spec"]["template"]["spec"]["nodeSelector"]["kubernetes.io/hostname"] == rollout(flow, 1)["canary"]
        flow.until(lambda: phase(flow, 1) == "baking", what="the bake")
        assert verdicts(flow) == {
            "no rise of NotReady": "passed", "node ready": "passed", "expected image": "passed",
            "GPUs allocatable": "passed", "cache hit": "passed", "smoke Job": "passed",
        }  # fmt: skip
        flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")
        assert not jobs(flow)
        assert rollout(flow, 1)["waves"][0]["verdict"] == "passed"


def test_a_smoke_job_that_fails_rolls_back_what_was_changed_and_says_why(begin: Begin) -> None:
    with begin(rollout={"gates": GATES}, build=BUILD) as flow:
        end = {"exitCode": 3, "message": "Xid 79: the GPU has fallen off the bus", "bootImage": f"poolwright-{NAME}-1"}
        flow.there(lambda: table(flow, "gke.podEnds").update({"default/poolwright-smoke-*": end}))
        start(flow)
        flow.until(lambda: phase(flow, 1) == "rolled back", what="the roll-back")
        assert verdicts(flow)["smoke Job"] == "failed"
        assert "exit code 3 (Error): Xid 79: the GPU has fallen off the bus" in reason(flow, 1)
        states = [each["state"] for wave in rollout(flow, 1)["waves"] for each in wave["targets"]]
        assert states == ["rolled back", "waiting"], "the other group was never touched"


def test_a_container_that_is_not_in_the_image_after_all_fails_the_wave(begin: Begin) -> None:
    with begin(rollout={"gates": GATES}, build=BUILD) as flow:
        start(flow, baked=False)
        flow.until(lambda: phase(flow, 1) == "rolled back", what="the roll-back")
        assert verdicts(flow)["cache hit"] == "failed"
        assert f"had to pull {SMOKE}" in reason(flow, 1)


def test_a_cache_that_nothing_tells_of_is_unknown_and_keeps_nobody(begin: Begin) -> None:
    with begin(rollout={"gates": {"cacheHit": True}}, build=BUILD) as flow:
        start(flow, baked=False)
        flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")
        assert verdicts(flow)["cache hit"] == "unknown"


def test_older_nodes_that_turn_not_ready_while_the_canary_bakes_roll_back(begin: Begin) -> None:
    with begin(rollout={"bakeSeconds": 600}) as flow:
        start(flow)
        flow.until(lambda: phase(flow, 1) == "baking", what="the bake")
        zone = rollout(flow, 1)["waves"][0]["targets"][0]["group"].split("/")[3]
        name = flow.there(lambda: break_a_node(flow, zone))
        flow.until(lambda: phase(flow, 1) == "rolled back", what="the roll-back")
        assert f"1 older nodes are NotReady ({name}); 0 were when canary began" in reason(flow, 1)


def test_nodes_that_were_not_ready_before_are_no_rise(begin: Begin) -> None:
    with begin(rollout={}) as flow:
        flow.there(lambda: break_a_node(flow, ZONES[0]))
        flow.pass_time(120)
        start(flow)
        flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")


def break_a_node(flow: Flow, zone: str) -> str:
    """An old node of the zone loses its network; its name."""
    api = flow.kubernetes(CLUSTER)
    labels = f"topology.kubernetes.io/zone={zone}"
    node = min(api.list("nodes", labels=labels), key=lambda each: str(each["metadata"]["creationTimestamp"]))
    at = flow.stack.world.simulation.timestamp()
    ready = {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "", "lastTransitionTime": at}
    kept = [each for each in node["status"]["conditions"] if each["type"] != "Ready"]
    api.patch("nodes", node["metadata"]["name"], {"status": {"conditions": [*kept, ready]}}, subresource="status")
    return str(node["metadata"]["name"])
