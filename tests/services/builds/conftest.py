"""Builds and the reference pool on the stand-in in manual time, in this process: the real adapters, and a process that
can die before or after any call it makes."""

from __future__ import annotations

import asyncio
import copy
import functools
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from localcloud.dispatch import Call
from localcloud.stack import Stack
from poolwright import environments
from poolwright.adapters.cloud_build import CloudBuildApi
from poolwright.adapters.compute import ComputeEngine
from poolwright.adapters.gke import KubernetesEngine
from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.sqlite_store import SqliteStore
from poolwright.environments import Environment
from poolwright.services.ports import Ports, Weather
from tests.chaos.harness import EventLoop, SimulatedClock

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PROJECT = "acme-gpu"
BUILDER = f"image-builder@{PROJECT}.iam.gserviceaccount.com"
DEV = {
    "name": "dev",
    "project": PROJECT,
    "clusters": [{"name": "serving", "location": "us-central1"}],
    "mode": "act",
    "buildServiceAccount": BUILDER,
    "buildLocation": "us-central1",
    "build": {"source": "gs://acme-builds/packer.tgz"},
    "sourceImage": {
        "referencePool": {
            "cluster": "serving",
            "machineType": "g2-standard-8",
            "accelerator": "nvidia-l4",
            "zone": "us-central1-a",
        }
    },
}

Json = dict[str, Any]


class Died(BaseException):
    """The process is gone; nothing of it runs any more."""


@dataclass
class Process:
    """A process by its calls to what is outside: it dies before or after the call with this number, if any has it; or,
    in `weather`, that call fails and the process goes on."""

    dies: tuple[int, str] | None = None
    weather: bool = False
    calls: list[str] = field(default_factory=list)
    dead: bool = False

    def wrap(self, name: str, outside: object) -> Any:
        return _Outside(self, name, outside)

    def call(self, name: str, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        number = len(self.calls)
        self.calls.append(name)
        self._die(self.dead or self.dies == (number, "before"))
        answer = method(*args, **kwargs)
        self._die(self.dies == (number, "after"))
        return answer

    def _die(self, now: bool) -> None:
        if now and self.weather:
            raise Weather("the line is bad")
        if now:
            self.dead = True
            raise Died


class _Outside:
    def __init__(self, process: Process, name: str, outside: object) -> None:
        self._process, self._name, self._outside = process, name, outside

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._outside, method)
        return functools.partial(self._process.call, f"{self._name}.{method}", found)


@dataclass
class Outbox:
    """What was told on the topic `notifications`, and what work was asked for."""

    told: list[Json] = field(default_factory=list)
    work: list[Json] = field(default_factory=list)

    def publish(self, topic: str, data: bytes, attributes: Any = None) -> str:
        (self.told if topic == "notifications" else self.work).append(json.loads(data))
        return "1"


class Cloud:
    """The stand-in, and poolwright on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stores = itertools.count()
        self.loop = EventLoop()
        self.stack = self.loop.call(
            lambda: Stack(
                folder=folder, state=HERE / "world.yaml", manual=True, pubsub="embedded", firestore="embedded"
            )
        )
        manifest = self.loop.run(self.stack.start())
        self.loop.call(lambda: self.stack.pubsub.create_topic("cloud-builds"))  # type: ignore[union-attr]
        self.endpoints = manifest.endpoints
        self._access = GoogleAccess(self.endpoints)
        self._adapters = {
            "compute": ComputeEngine(self._access),
            "gke": KubernetesEngine(self._access),
            "cloud_build": CloudBuildApi(self._access),
        }
        world = self.stack.world
        self._beginning = copy.deepcopy({"tables": world.tables, "simulation": world.simulation.saved()})
        self.begin()

    def begin(self) -> None:
        """Everything as it was at first."""
        self.loop.call(self._rewind)
        self.store = SqliteStore(self._folder / f"{next(self._stores)}.db")
        self.outbox = Outbox()
        self.clock = SimulatedClock(self.stack)
        self.environment = environment()

    def ports(self, process: Process | None = None) -> Ports:
        """What a process of poolwright has."""
        process = process or Process()
        outside = {**self._adapters, "store": self.store, "publisher": self.outbox}
        none: Any = None
        return Ports(
            environments=(self.environment,), monitoring=none, clusters=none, webhook=none, clock=self.clock,
            build_configs=ROOT / "cloudbuild",
            **{name: process.wrap(name, each) for name, each in outside.items()},
        )  # fmt: skip

    def table(self, name: str) -> dict[str, Any]:
        """A table of the world."""
        return self.stack.world.table(name)

    def change(self, work: Callable[[], Any]) -> Any:
        """Do something to the world, in its own thread."""
        return self.loop.call(work)

    def gke(self, method: str, **params: Any) -> Any:
        """Call a method of GKE as somebody else does."""
        api = self.stack.gke.api()
        name = f"google.container.v1.ClusterManager.{method}"
        call = Call(method=api.methods[name], params=params, raw_body=copy.deepcopy(params))
        return self.change(lambda: api.handlers[name](call))

    def advance(self, seconds: float) -> None:
        """Let the world live."""
        self.loop.call(lambda: self.stack.world.simulation.advance(seconds))

    @property
    def builds(self) -> list[Json]:
        """All builds of Cloud Build, oldest first."""
        return sorted(self.table("cloudBuild.builds").values(), key=lambda build: build["createTime"])

    def writes(self) -> list[str]:
        """The calls that changed Google's world."""
        return [call.method.rpartition(".")[2] for call in self.stack.world.calls.mutating()]

    def told(self) -> list[tuple[str, str]]:
        """Subject and what of each record, in the order of their publication, each once."""
        keys = {each["key"]: (each["subject"], each["what"]) for each in self.outbox.told}
        assert sorted(keys.values()) == sorted(
            (each.body["subject"], each.body["what"]) for each in self.store.all("records")
        )
        return list(keys.values())

    def close(self) -> None:
        self.loop.run(self.stack.stop())
        self.loop.run(_end_connections())
        self.loop.stop()

    def _rewind(self) -> None:
        was, world = copy.deepcopy(self._beginning), self.stack.world
        world.tables.clear()
        world.tables.update(was["tables"])
        world.calls.clear()
        world.simulation.restore(was["simulation"])


async def _end_connections() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def environment(**changed: Any) -> Environment:
    """The environment dev, with some fields of its file changed."""
    return msgspec.convert(DEV | changed, environments.Environment)


def processes(run: Callable[[Process], object], *, begin: Callable[[], None]) -> Iterator[Process]:
    """A process for each moment at which it can die, in a world of its own; the moments are those of a clean run."""
    begin()
    clean = Process()
    run(clean)
    for number, moment in itertools.product(range(len(clean.calls)), ("before", "after")):
        begin()
        yield replace(Process(), dies=(number, moment))


@pytest.fixture(scope="session")
def _cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    made = Cloud(tmp_path_factory.mktemp("builds"))
    yield made
    made.close()


@pytest.fixture
def cloud(_cloud: Cloud) -> Cloud:
    _cloud.begin()
    return _cloud
