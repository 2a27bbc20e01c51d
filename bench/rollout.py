"""A rollout of a whole fleet, deployed: from the start command to `done`, beside an operator with gcloud.

The functions run from their archive under functions-framework, `step` in several instances; the embedded Pub/Sub
pushes; the stand-in answers each call in a tenth of a second, takes two for an operation, and refuses what is over
quota.

- **by hand**: `bench/gcloud_rollout.sh` on the same stand-in in the same run, on three groups, times the fleet's;
- **critical path**: the calls that have to come one after the other and the operations between them, for the canary and
  then for the wave, if messages and code took no time and all groups of the wave were changed at once;
- **growth**: the exponent of seconds over groups, by least squares of the logarithms;
- **memory** of a `step` instance, the largest, when a tenth, half and all of the groups are changed.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from bench import wide
from bench.framework import ROOT, Site, processor_seconds, resident, workers
from bench.table import Figure, show
from bench.wide import Wide
from localcloud import deployment
from localcloud.deployment import SUBSCRIPTIONS, Deployment
from poolwright.adapters.sqlite_store import SqliteStore

GROUPS, GROWTH = 100, (10, 30, 100, 300, 1000)
BY_HAND_AIM, CRITICAL_AIM, GROWTH_AIM, FLAT_AIM = 50, 2.0, 1.1, 1.2
INSTANCES = 2
CONCURRENCY = 80  # Cloud Run's default (https://cloud.google.com/run/docs/about-concurrency)
# Calls one after the other: at a group, to GKE, two reads, insert and patch; in a wave besides, the image and one list
# of groups; for the canary node, its name, its making, its boot disk, its members and its going.
AT_A_GROUP, IN_A_WAVE, FOR_THE_CANARY = 5, 2, 5
FUNCTIONS = ("rollout_command", "step", "tick")
SCRIPT = ROOT / "bench" / "gcloud_rollout.sh"
GIVE_UP_SECONDS = 900.0
OF_A_GROUP = (
    "container/ClusterManager.GetCluster", "compute/instance_group_managers.Get", "compute/instance_templates.Get",
    "compute/instance_templates.Insert", "compute/instance_group_managers.Patch",
)  # fmt: skip
POLLS = tuple(f"compute/{kind}_operations.{method}" for kind in ("global", "zone") for method in ("Get", "Wait"))


@dataclass
class Ran:
    """One rollout. `memory`: MB of the largest instance of `step` by the part of the groups that was changed;
    `calls`: how many by host and method; `cpu`: processor seconds of the stand-in and of the functions."""

    groups: int
    seconds: float
    calls: Counter[str]
    refused: int
    memory: dict[float, float] = field(default_factory=dict)
    cpu: tuple[float, float] = (0.0, 0.0)

    @property
    def a_group(self) -> dict[str, float]:
        """Calls a group, of the methods that every group needs."""
        return {name: self.calls[name] / self.groups for name in (*OF_A_GROUP, *POLLS) if self.calls[name]}

    @property
    def own(self) -> dict[str, int]:
        """The other calls, which are the rollout's own."""
        return {name: count for name, count in self.calls.items() if name not in self.a_group}

    @property
    def critical(self) -> float:
        """Seconds of the critical path. Each cluster is asked for its pools once, and for its nodes twice a wave."""
        clusters = math.ceil(self.groups / wide.GROUPS_A_CLUSTER)
        wave = AT_A_GROUP + IN_A_WAVE + 2 * clusters
        calls = 1 + clusters + 2 * wave + FOR_THE_CANARY
        return calls * wide.LATENCY + 2 * 2 * wide.OPERATION


@dataclass(frozen=True)
class Served:
    """A fleet on a stand-in, and the functions that run on it."""

    fleet: Wide
    process: int
    manifest: Mapping[str, Any]
    deployment: Deployment
    store: SqliteStore

    def start(self) -> float:
        """Publish the start command; the moment before."""
        began = time.perf_counter()
        command = {"action": "start", "environment": wide.NAME, "runId": wide.RUN_ID, "requester": "bench"}
        data = base64.b64encode(json.dumps(command).encode()).decode()
        topic = f"projects/{wide.PROJECT}/topics/rollout-commands"
        self._post("pubsub.googleapis.com", f"v1/{topic}:publish", {"messages": [{"data": data}]})
        return began

    def rollout(self) -> dict[str, Any]:
        """Its document, empty before there is one."""
        found = self.store.beginning("rollouts", wide.NAME)
        return found[-1].body if found else {}

    def changed(self) -> int:
        """How many groups are changed."""
        targets = self.store.beginning("targets", f"{wide.NAME}-{wide.RUN_ID}|")
        return sum(each.body.get("state") == "mutated" for each in targets)

    def step_workers(self) -> list[int]:
        """The processes of the instances of `step`."""
        return workers(self.deployment.functions["step"].process.pid)

    def calls(self) -> list[dict[str, Any]]:
        """The calls that the stand-in answered."""
        with urllib.request.urlopen(f"{self.manifest['endpoints']['localcloud']}/calls?brief", timeout=120) as answer:
            found: list[dict[str, Any]] = json.load(answer)
            return found

    def forget_calls(self) -> None:
        """Begin to count."""
        request = urllib.request.Request(f"{self.manifest['endpoints']['localcloud']}/calls", method="DELETE")
        urllib.request.urlopen(request, timeout=30).close()

    def groups_of(self, cluster: str) -> list[tuple[str, str]]:
        """Name and zone of the instance groups of a cluster."""
        path = f"v1/projects/{wide.PROJECT}/locations/{wide.REGION}/clusters/{cluster}"
        url = f"{self.manifest['endpoints']['container.googleapis.com']}/{path}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            urls = json.load(answer)["instanceGroupUrls"]
        return [(each.rpartition("/")[2], each.split("/zones/")[1].split("/")[0]) for each in urls]

    def _post(self, host: str, path: str, body: Mapping[str, Any]) -> None:
        url = f"{self.manifest['endpoints'][host]}/{path}"
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=30).close()


@contextlib.contextmanager
def served(site: Site, groups: int) -> Iterator[Served]:
    """A fleet and the functions, until the block ends."""
    folder = site.folder / f"wide-{groups}"
    fleet = wide.write(groups, folder)
    arguments = ["--state", str(fleet.world), "--pubsub", "embedded", "--firestore", "embedded"]
    with (folder / "localcloud.log").open("wb") as log:
        process, manifest = deployment.serve(arguments, python=Path(sys.executable), log=log)
    env = {
        "POOLWRIGHT_PROJECT": manifest["project"],
        "POOLWRIGHT_ENDPOINTS": json.dumps(manifest["endpoints"]),
        "POOLWRIGHT_STORE": f"sqlite:{folder / 'poolwright.db'}",
        "POOLWRIGHT_ENVIRONMENTS": str(fleet.environments),
        "PUBSUB_EMULATOR_HOST": manifest["env"]["PUBSUB_EMULATOR_HOST"],
    }
    functions = Deployment(
        python=site.python, source=site.source, env=env, folder=folder, instances={"step": INSTANCES},
        concurrency=CONCURRENCY,
    )  # fmt: skip
    try:
        functions.start(FUNCTIONS)
        with mock.patch.dict(os.environ, PUBSUB_EMULATOR_HOST=env["PUBSUB_EMULATOR_HOST"]):
            functions.subscribe(without=[each.name for each in SUBSCRIPTIONS if each.function not in FUNCTIONS])
        yield Served(fleet, process.pid, manifest, functions, SqliteStore(folder / "poolwright.db"))
    finally:
        functions.stop()
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def roll_out(stage: Served) -> Ran:
    """One rollout, from the start command to `done`. SystemExit where it ends otherwise."""
    stage.forget_calls()
    groups, memory = stage.fleet.groups, dict[float, float]()
    before = _cpu(stage)
    began = stage.start()
    while (phase := stage.rollout().get("phase")) != "done":
        if phase not in (None, "mutating", "verifying", "baking") or time.perf_counter() - began > GIVE_UP_SECONDS:
            raise SystemExit(f"the rollout of {groups} groups did not end well: {stage.rollout().get('reason')}")
        left = [part for part in (0.1, 0.5) if part not in memory]
        changed = stage.changed() / groups if left else 1.0
        memory |= {part: max(map(resident, stage.step_workers())) for part in left if changed >= part}
        time.sleep(0.1)
    seconds = time.perf_counter() - began
    memory[1.0] = max(map(resident, stage.step_workers()))
    after, calls = _cpu(stage), stage.calls()
    google = [each for each in calls if each["host"] not in ("pubsub.googleapis.com", "localcloud")]
    return Ran(
        groups=groups,
        seconds=seconds,
        calls=Counter(f"{each['host'].partition('.')[0]}/{each['method']}" for each in google),
        refused=sum(each["code"] == 403 for each in google),
        memory=memory,
        cpu=(after[0] - before[0], after[1] - before[1]),
    )


def _cpu(stage: Served) -> tuple[float, float]:
    """Processor seconds so far: the stand-in's, the functions'."""
    masters = [each.process.pid for each in stage.deployment.functions.values()]
    return processor_seconds(stage.process), sum(processor_seconds(pid) for each in masters for pid in workers(each))


def by_hand(stage: Served, folder: Path) -> float | None:
    """Seconds that the gcloud script takes for a group; None without gcloud or jq."""
    if not shutil.which("gcloud") or not shutil.which("jq"):
        return None
    groups = [f"{name}={zone}" for name, zone in stage.groups_of(wide.BY_HAND)]
    env = {**os.environ, **stage.manifest["env"]}
    began = time.perf_counter()
    with (folder / "gcloud.log").open("wb") as log:
        done = subprocess.run([str(SCRIPT), stage.fleet.image, *groups], env=env, stdout=log, stderr=log, check=False)
    if done.returncode:
        raise SystemExit(f"the gcloud script failed: {(folder / 'gcloud.log').read_text()[-2000:]}")
    return (time.perf_counter() - began) / len(groups)


def exponent(ran: Sequence[Ran]) -> float:
    """Of seconds over groups."""
    x = [math.log(each.groups) for each in ran]
    y = [math.log(each.seconds) for each in ran]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    across = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return across / sum((a - mean_x) ** 2 for a in x)


def measure(site: Site, *, groups: int = GROUPS, growth: Sequence[int] = GROWTH) -> None:
    """All of it: a rollout to so many groups, and to fleets of these sizes."""
    ran, hand = [], None
    for count in sorted({groups, *growth}):
        with served(site, count) as stage:
            ran.append(roll_out(stage))
            if count == groups:
                hand = by_hand(stage, site.folder)
    main = next(each for each in ran if each.groups == groups)
    _show_main(main, hand)
    _show_calls(main)
    _show_growth(ran)


def _show_main(ran: Ran, hand: float | None) -> None:
    figures = []
    if hand is None:
        print("gcloud or jq is missing: the rollout is not compared with an operator's work by hand.")
    else:
        faster = hand * ran.groups / ran.seconds
        figures.append(Figure(f"by hand, {wide.HANDS} groups measured", (f"{hand:.1f}", f"{hand * ran.groups:.0f}")))
        figures.append(
            Figure("poolwright", (f"{ran.seconds / ran.groups:.2f}", f"{ran.seconds:.1f}"), 1 / faster,
                   f"<= 1/{BY_HAND_AIM}, {faster:.0f} times as fast", faster >= BY_HAND_AIM)
        )  # fmt: skip
        show(f"A rollout to {ran.groups} groups, the canary and one wave, without bake", ("s a group", "s"), figures)
    processor = sum(ran.cpu) / (os.cpu_count() or 1)
    if processor > ran.critical:
        print(f"All cores at work would need {processor:.1f} s for it, more than its critical path.")
    ratio = ran.seconds / ran.critical
    figures = [
        Figure("critical path", (f"{ran.critical:.1f}",)),
        Figure("poolwright", (f"{ran.seconds:.1f}",), ratio, f"<= {CRITICAL_AIM:.0f}", ratio <= CRITICAL_AIM),
    ]
    show("The same beside its critical path", ("s",), figures)
    start = ran.memory.get(0.1, 0.0)
    figures = [Figure("10 % of the groups changed", (f"{start:.0f}",))]
    for part in (0.5, 1.0):
        ratio = ran.memory.get(part, 0.0) / start if start else 0.0
        name = f"{part:.0%} of them"
        figures.append(Figure(name, (f"{ran.memory.get(part, 0.0):.0f}",), ratio, f"<= {FLAT_AIM}", ratio <= FLAT_AIM))
    show("Memory of an instance of `step`", ("MB",), figures)


def _show_calls(ran: Ran) -> None:
    print(f"Calls a group: {sum(ran.a_group.values()):.2f}, of which polls of operations "
          f"{sum(count for name, count in ran.a_group.items() if name in POLLS):.2f}; "
          f"refused for quota: {ran.refused}")  # fmt: skip
    for name, count in sorted(ran.a_group.items()):
        print(f"  {name}: {count:.2f}")
    print("Calls of the rollout itself: " + ", ".join(f"{name} {count}" for name, count in sorted(ran.own.items())))


def _show_growth(ran: Sequence[Ran]) -> None:
    columns = ("s", "critical path", "CPU s, stand-in", "CPU s, functions", "refused for quota")
    figures = []
    for each in ran:
        seconds = (each.seconds, each.critical, *each.cpu)
        measured = (*(f"{second:.1f}" for second in seconds), str(each.refused))
        figures.append(Figure(f"{each.groups} groups", measured, each.seconds / each.critical))
    show("Growth; the ratio is to the critical path", columns, figures)
    if len(ran) > 1:
        found = exponent(ran)
        print(
            f"Seconds grow with groups^{found:.2f}; aim <= {GROWTH_AIM}: {'met' if found <= GROWTH_AIM else 'MISSED'}"
        )
