"""A fleet on the stand-in, in a process of its own: what a function that really acts has to act on.

Its store is SQLite, its Pub/Sub the embedded one, credentials are anonymous: for ours and for the baselines alike.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.framework import ROOT
from localcloud import deployment, worldfile
from localcloud.demo import environment as demo
from poolwright.adapters.sqlite_store import SqliteStore
from poolwright.boot_images import image
from poolwright.references import ClusterRef, GroupRef, PoolRef, last_part
from poolwright.rollouts.rollout import Policy, Rollout, Wave, encode
from poolwright.services import known_rollouts, released

WORLD = ROOT / "localcloud" / "worlds" / "small.yaml"
SPEED = 3600.0  # what Compute begins is done at once: the time that is measured is ours
CLUSTER, POOL, ZONE = "serving", "l4", "us-central1-a"
FINISHED = "bench-1"  # a rollout that is done
GKE_VERSION = "1.33.5-gke.1308000"


@dataclass
class Fleet:
    """`variables`: of a function that is to find it; `group`: an instance group of it, of `pool`."""

    endpoints: Mapping[str, str]
    variables: Mapping[str, str]
    group: GroupRef
    pool: PoolRef
    store: SqliteStore
    _source: str = ""
    _runs: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self._source = last_part(self.image_of_group())
        policy = Policy(bake_seconds=1, node_ready_seconds=1, canary_node=False, roll_back_on_failure=True)
        done = Rollout(
            id=FINISHED, environment=demo.NAME, run_id=1, image="", policy=policy, phase="done",
            waves=(Wave(name="canary", targets=()),), commanded=("2021-01-01T00:00:00+00:00", "0"),
        )  # fmt: skip
        self.store.put(known_rollouts.COLLECTION, FINISHED, encode(done), version=None)

    def release(self) -> str:
        """Put the environment on a new boot image, so that the group is out of date; the image's name."""
        run_id = next(self._runs)
        name = f"{image.family(demo.NAME)}-{run_id}"
        labels = image.labels(environment=demo.NAME, run_id=run_id, source_image=self._source, gke_version=GKE_VERSION)
        body = {
            "name": name,
            "family": image.family(demo.NAME),
            "labels": labels,
            "rawDisk": {"source": "https://storage.googleapis.com/images/disk.tar.gz"},
        }
        images = f"projects/{self.group.project}/global/images"
        self._compute(images, body)
        while self._compute(f"{images}/{name}")["status"] != "READY":
            time.sleep(0.02)
        stored = self.store.get(released.COLLECTION, demo.NAME)
        on = {"runId": run_id, "image": name, "held": {}}
        self.store.put(released.COLLECTION, demo.NAME, on, version=stored.version if stored else None)
        return name

    def image_of_group(self) -> str:
        """The boot image that the group's template names now."""
        template = self._compute(str(self.group))["instanceTemplate"].partition("/compute/v1/")[2]
        boot = next(disk for disk in self._compute(template)["properties"]["disks"] if disk.get("boot"))
        return str(boot["initializeParams"]["sourceImage"])

    def _compute(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What Compute answers to a GET, or to a POST of `body`."""
        url = f"{self.endpoints['compute.googleapis.com']}/compute/v1/{path}"
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@contextlib.contextmanager
def fleet(folder: Path) -> Iterator[Fleet]:
    """Served until the block ends."""
    environments = demo.write(worldfile.read(WORLD), folder / "environments")
    arguments = ["--state", str(WORLD), "--speed", str(SPEED), "--pubsub", "embedded", "--firestore", "embedded"]
    with (folder / "localcloud.log").open("wb") as log:
        process, manifest = deployment.serve(arguments, python=Path(sys.executable), log=log)
    try:
        variables = {
            "POOLWRIGHT_PROJECT": manifest["project"],
            "POOLWRIGHT_ENDPOINTS": json.dumps(manifest["endpoints"]),
            "POOLWRIGHT_STORE": f"sqlite:{folder / 'poolwright.db'}",
            "POOLWRIGHT_ENVIRONMENTS": str(environments),
            "PUBSUB_EMULATOR_HOST": manifest["env"]["PUBSUB_EMULATOR_HOST"],
        }
        _make_topics(manifest)
        pool = PoolRef(ClusterRef(manifest["project"], ZONE.rpartition("-")[0], CLUSTER), POOL)
        group = _group(manifest["endpoints"], pool)
        yield Fleet(manifest["endpoints"], variables, group, pool, SqliteStore(folder / "poolwright.db"))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def _make_topics(manifest: Mapping[str, Any]) -> None:
    """Those that Terraform makes."""
    base = f"{manifest['endpoints']['pubsub.googleapis.com']}/v1/projects/{manifest['project']}/topics"
    for topic in sorted({each.topic for each in deployment.SUBSCRIPTIONS} | {deployment.DEAD_LETTERS}):
        request = urllib.request.Request(f"{base}/{topic}", b"{}", {"Content-Type": "application/json"}, method="PUT")
        urllib.request.urlopen(request, timeout=10).close()


def _group(endpoints: Mapping[str, str], pool: PoolRef) -> GroupRef:
    """The pool's instance group in ZONE, as GKE says."""
    with urllib.request.urlopen(f"{endpoints['container.googleapis.com']}/v1/{pool}", timeout=10) as answer:
        found = [GroupRef.parse(url) for url in json.load(answer)["instanceGroupUrls"]]
    return next(group for group in found if group.zone == ZONE)
