"""Fleets to look at, in manual time: the real functions and adapters on a stand-in, and the status page beside them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import flask.testing
import yaml
from functions_framework import create_app
from werkzeug.serving import make_server

from bench import wide
from localcloud.ports import LOOPBACK, free_port
from poolwright import bootstrap
from poolwright.references import ClusterRef
from poolwright.services import stop
from tests.chaos.flows.world import NAME, PROJECT, command, image, phase, release, scale
from tests.chaos.ground import Ground
from tests.chaos.harness import Flow

ROOT = Path(__file__).resolve().parents[2]
SERVING = ClusterRef(PROJECT, "us-central1", "serving")
TRAINING = ClusterRef(PROJECT, "us-east4", "training")
GONE = ClusterRef(PROJECT, "europe-west4", "gone")
Json = dict[str, Any]


@dataclass(frozen=True)
class Looked:
    """A flow, and the page as a browser's request gets it. Several may be there at a time: each has its own ports."""

    flow: Flow
    app: flask.Flask

    @property
    def client(self) -> flask.testing.FlaskClient:
        """Asks for pages in this process."""
        return self.app.test_client()

    def text(self, path: str) -> str:
        """A page that is there."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text

    def json(self, path: str) -> Any:
        """The JSON beside a page."""
        return json.loads(self.text(path))

    @contextmanager
    def served(self) -> Iterator[str]:
        """On a port of its own, for browsers; its address."""
        server = make_server(LOOPBACK, free_port(), self.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.port}"
        finally:
            server.shutdown()
            thread.join(10)


def world(*, provisioners: bool = True) -> Json:
    """Two clusters: L4s in two zones and A100s, which the environment leaves alone; H100s."""
    body: Json = {
        "project": PROJECT,
        "seed": 5,
        "clusters": [
            {
                "name": "serving",
                "location": "us-central1",
                "nodePools": [
                    _pool("l4", "g2-standard-12", ["us-central1-a", "us-central1-b"], 1),
                    _pool("a100", "a2-highgpu-1g", ["us-central1-a"], 1),
                    _pool("batch", "g2-standard-24", ["us-central1-c"], 0, spot=True),
                ],
            },
            {
                "name": "training",
                "location": "us-east4",
                "nodePools": [_pool("h100", "a3-highgpu-8g", ["us-east4-a"], 1)],
            },
        ],
        "workloads": [
            {"name": "chat", "cluster": "serving", "replicas": 1, "gpusPerPod": 1, "dutyCycle": 70,
             "nodeSelector": {"cloud.google.com/gke-nodepool": "l4"}},
        ],
    }  # fmt: skip
    if provisioners:
        body["provisioners"] = [
            {"name": "l4", "cluster": "serving", "nodePools": ["l4"],
             "spec": {"minGPUUtilizationPercent": 30, "maxGPUUtilizationPercent": 80, "minNodes": 1, "maxNodes": 6}},
            {"name": "h100", "cluster": "training", "nodePools": ["h100"], "spec": {"minNodes": 1, "maxNodes": 3}},
        ]  # fmt: skip
    return body


def _pool(name: str, machine: str, zones: list[str], nodes: int, **more: Any) -> Json:
    return {"name": name, "machineType": machine, "zones": zones, "nodesPerZone": nodes, **more}


def environment(**said: Any) -> Json:
    """The environment that has both clusters."""
    return {
        "name": NAME,
        "project": PROJECT,
        "mode": "act",
        "clusters": [{"name": each.name, "location": each.location} for each in (SERVING, TRAINING)],
        "buildServiceAccount": f"image-builder@{PROJECT}.iam.gserviceaccount.com",
        "exclude": {"accelerators": ["nvidia-tesla-a100"]},
        "rollout": {"waves": [0.5, 1.0], "bakeSeconds": 600, "nodeReadySeconds": 600, "canaryNode": True},
        **said,
    }


@contextmanager
def looked(folder: Path, world: Json, *environments: Json) -> Iterator[Looked]:
    """A world with these environments, at its beginning."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "world.yaml").write_text(yaml.safe_dump(world, sort_keys=False), "utf-8")
    said = folder / "environments"
    said.mkdir(exist_ok=True)
    for each in environments:
        (said / f"{each['name']}.yaml").write_text(yaml.safe_dump(each, sort_keys=False), "utf-8")
    with _looked(folder, folder / "world.yaml", said) as found:
        yield found


@contextmanager
def _looked(folder: Path, world: Path, environments: Path) -> Iterator[Looked]:
    ground = Ground(folder=folder, world=world, environments=environments)
    try:
        with ground.flow() as flow:
            app = create_app("status_page", str(ROOT / "functions" / "main.py"))
            serve = app.wsgi_app

            def of_this_fleet(environ: Any, start_response: Any) -> Any:
                with mock.patch.object(bootstrap, "_of_process", lambda: flow.ports):
                    return serve(environ, start_response)

            app.wsgi_app = of_this_fleet
            yield Looked(flow, app)
    finally:
        ground.close()


@contextmanager
def empty(folder: Path) -> Iterator[Looked]:
    """Just installed: nothing was built, released, decided or recorded."""
    with looked(folder, world(provisioners=False), environment(mode="observe")) as found:
        yield found


@contextmanager
def busy(folder: Path) -> Iterator[Looked]:
    """One run is out, the next one goes out, and capacity is being added."""
    with looked(folder, world(), environment()) as found:
        flow = found.flow
        flow.pass_time(300)
        release(flow, run_id=41)
        image(flow, run_id=42)
        command(flow, "start")
        flow.until(lambda: phase(flow, 42) == "baking", what="the canary's bake")
        flow.there(lambda: scale(flow, "chat", replicas=4))
        flow.pass_time(60)
        yield found


@contextmanager
def failing(folder: Path) -> Iterator[Looked]:
    """A gate failed and the rollout went back; a cluster is gone and one says nothing; somebody stopped it all."""
    places = [{"name": each.name, "location": each.location} for each in (SERVING, TRAINING, GONE)]
    with looked(folder, world(), environment(clusters=places)) as found:
        flow = found.flow
        flow.pass_time(300)
        release(flow, run_id=41)
        image(flow, run_id=42)
        flow.there(lambda: flow.stack.world.table("gke.brokenImages").update({f"poolwright-{NAME}-42": "ready"}))
        command(flow, "start")
        flow.until(lambda: phase(flow, 42) == "rolled back", what="the roll-back")
        flow.pass_time(300)
        stop.set_stop(flow.ports, who="ada@example.com", why="nodes of run 42 never turn ready")
        yield found


@contextmanager
def many(folder: Path, groups: int) -> Iterator[Looked]:
    """So many instance groups, four a node pool, a hundred a cluster; all are on a run."""
    files = wide.write(groups, folder)
    with _looked(folder, files.world, files.environments) as found:
        yield found


FLEETS: dict[str, Callable[[Path], Any]] = {"empty": empty, "busy": busy, "failing": failing}
