"""A thousand incidents in a minute for one provisioner, deployed, beside one incident: calls of all APIs, and time.

The functions run from their archive, `gpu_alert` and `step` in several instances; the embedded Pub/Sub pushes. Calls
are those that the stand-in answered: Google's, the cluster's, and what is published.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from bench.fleet import WORLD
from bench.framework import Site, processor_seconds, workers
from bench.table import Figure, show
from localcloud import deployment, worldfile
from localcloud.demo import environment as demo
from localcloud.deployment import SUBSCRIPTIONS, Deployment
from poolwright.adapters.sqlite_store import SqliteStore
from poolwright.services import records
from tests.payloads import samples

INCIDENTS, SECONDS, AIM = 1000, 60, 3.0
FUNCTIONS = ("gpu_alert", "step")
INSTANCES = 2
QUIET_SECONDS, GIVE_UP_SECONDS = 3.0, 300.0
LABELS = {"poolwright_provisioner": "l4", "poolwright_cluster": "serving", "poolwright_location": "us-central1"}


@dataclass(frozen=True)
class Served:
    """A small fleet, and the functions that hear of alerts."""

    manifest: Mapping[str, Any]
    deployment: Deployment
    store: SqliteStore

    def publish(self, *numbers: int) -> None:
        """These incidents open."""
        messages = [{"data": base64.b64encode(json.dumps(_incident(number)).encode()).decode()} for number in numbers]
        topic = f"projects/{self.manifest['project']}/topics/gpu-alerts"
        url = f"{self.manifest['endpoints']['pubsub.googleapis.com']}/v1/{topic}:publish"
        body = json.dumps({"messages": messages}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=30).close()

    def heard(self) -> int:
        """How many incidents are on record."""
        return sum(each.body["kind"] == "alert" for each in self.store.all(records.COLLECTION))

    def forget_calls(self) -> None:
        """Begin to count."""
        url = f"{self.manifest['endpoints']['localcloud']}/calls"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=30).close()

    def calls(self) -> Counter[str]:
        """What the stand-in answered to the functions. The alerts themselves are published by us."""
        with urllib.request.urlopen(f"{self.manifest['endpoints']['localcloud']}/calls?brief", timeout=60) as answer:
            found = [each for each in json.load(answer) if each["host"] != "localcloud"]
        ours = [each for each in found if not str(each["params"].get("topic", "")).endswith("/gpu-alerts")]
        return Counter(f"{each['host'].partition('.')[0]}/{each['method']}" for each in ours)

    def processor(self) -> float:
        """Processor seconds of the functions so far."""
        masters = [each.process.pid for each in self.deployment.functions.values()]
        return sum(processor_seconds(pid) for each in masters for pid in workers(each))


def measure(site: Site) -> None:
    """The table."""
    with served(site) as stage:
        _wait_for(stage, 0)
        stage.forget_calls()
        began = time.perf_counter()
        stage.publish(0)
        _wait_for(stage, 1)
        alone, seconds = stage.calls(), time.perf_counter() - began - QUIET_SECONDS
        time.sleep(SECONDS)  # an alert within the minute would be covered by the first one's look
        stage.forget_calls()
        before, began = stage.processor(), time.perf_counter()
        for second in range(SECONDS):
            stage.publish(*range(1 + INCIDENTS * second // SECONDS, 1 + INCIDENTS * (second + 1) // SECONDS))
            time.sleep(max(0.0, began + second + 1 - time.perf_counter()))
        published = time.perf_counter()
        _wait_for(stage, 1 + INCIDENTS)
        late, storm = time.perf_counter() - published - QUIET_SECONDS, stage.calls()
        spent = stage.processor() - before
    ratio = storm.total() / alone.total()
    figures = [
        Figure("one incident", (str(alone.total()), f"{seconds:.1f}", "")),
        Figure(f"{INCIDENTS} incidents in {SECONDS} s", (str(storm.total()), f"{max(0.0, late):.1f}", f"{spent:.1f}"),
               ratio, f"<= {AIM:.0f}", ratio <= AIM),
    ]  # fmt: skip
    show("Alerts of one provisioner", ("calls", "s after the last", "CPU s, functions"), figures)
    print("Calls of the storm: " + ", ".join(f"{name} {count}" for name, count in sorted(storm.items())))


@contextlib.contextmanager
def served(site: Site) -> Iterator[Served]:
    """Until the block ends."""
    folder = site.folder / "storm"
    folder.mkdir()
    environments = demo.write(worldfile.read(WORLD), folder / "environments")
    arguments = ["--state", str(WORLD), "--pubsub", "embedded", "--firestore", "embedded"]
    with (folder / "localcloud.log").open("wb") as log:
        process, manifest = deployment.serve(arguments, python=Path(sys.executable), log=log)
    env = {
        "POOLWRIGHT_PROJECT": manifest["project"],
        "POOLWRIGHT_ENDPOINTS": json.dumps(manifest["endpoints"]),
        "POOLWRIGHT_STORE": f"sqlite:{folder / 'poolwright.db'}",
        "POOLWRIGHT_ENVIRONMENTS": str(environments),
        "PUBSUB_EMULATOR_HOST": manifest["env"]["PUBSUB_EMULATOR_HOST"],
    }
    functions = Deployment(
        python=site.python, source=site.source, env=env, folder=folder,
        instances=dict.fromkeys(FUNCTIONS, INSTANCES), concurrency=8,
    )  # fmt: skip
    try:
        functions.start(FUNCTIONS)
        with mock.patch.dict(os.environ, PUBSUB_EMULATOR_HOST=env["PUBSUB_EMULATOR_HOST"]):
            functions.subscribe(without=[each.name for each in SUBSCRIPTIONS if each.function not in FUNCTIONS])
        yield Served(manifest, functions, SqliteStore(folder / "poolwright.db"))
    finally:
        functions.stop()
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait_for(stage: Served, incidents: int) -> None:
    """Until so many are on record and nothing was asked for a while. SystemExit where that does not come."""
    end = time.perf_counter() + GIVE_UP_SECONDS
    known, since = -1, time.perf_counter()
    while stage.heard() < incidents or time.perf_counter() - since < QUIET_SECONDS:
        if time.perf_counter() > end:
            raise SystemExit(f"{stage.heard()} of {incidents} incidents were heard")
        count = stage.calls().total()
        if count != known:
            known, since = count, time.perf_counter()
        time.sleep(0.2)


def _incident(number: int) -> dict[str, Any]:
    body: dict[str, Any] = samples.load("monitoring-gpu-high-open")["data"]
    body["incident"] |= {"incident_id": f"0.{number:012d}", "policy_user_labels": LABELS}
    return body
