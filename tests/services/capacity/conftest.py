"""A provisioner over two groups, whose rules each test writes, in manual time."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from localcloud.calls import CallRecord
from poolwright.references import PoolRef
from tests.chaos.flows.world import CLUSTER, NAME, PROJECT, groups, stored, table
from tests.chaos.ground import Ground
from tests.chaos.harness import Flow

Json = dict[str, Any]
Begin = Callable[..., Flow]
WORLD = Path(__file__).parent / "world.yaml"
PROVISIONERS = "nodeprovisioners.compute.poolwright.dev"


@pytest.fixture(scope="session")
def capacity_ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Ground]]:
    """The ground of this folder's world, with an environment that says something else (as JSON)."""
    with contextlib.ExitStack() as stack:

        @cache
        def make(said: str) -> Ground:
            body = {
                "name": NAME,
                "project": PROJECT,
                "mode": "act",
                "clusters": [{"name": "serving", "location": "us-central1"}],
                "buildServiceAccount": f"image-builder@{PROJECT}.iam.gserviceaccount.com",
                **json.loads(said),
            }
            folder = tmp_path_factory.mktemp("environments")
            (folder / f"{NAME}.yaml").write_text(json.dumps(body), "utf-8")
            made = Ground(folder=tmp_path_factory.mktemp("capacity"), world=WORLD, environments=folder)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def begin(capacity_ground: Callable[[str], Ground]) -> Iterator[Begin]:
    """`begin({...spec}, mode=...)`: a run in which the provisioner's spec says that too (None takes a field away), and
    the environment what else is given; it has begun, and nothing was looked at yet."""
    with contextlib.ExitStack() as stack:

        def run(spec: Json | None = None, **environment: Any) -> Flow:
            flow = stack.enter_context(capacity_ground(json.dumps(environment)).flow())
            change(flow, spec or {})
            flow.begin()
            return flow

        yield run


def change(flow: Flow, spec: Json) -> None:
    """Somebody edits the provisioner."""
    flow.there(lambda: flow.kubernetes(CLUSTER).patch(PROVISIONERS, "l4", {"spec": spec}))


def look(flow: Flow, *, times: int = 1) -> None:
    """A tick, and all that comes of it, so many times."""
    for _ in range(times):
        flow.publish("ticks", {})
        flow.pass_time(10)


def provisioner(flow: Flow) -> Json:
    (found,) = flow.there(lambda: flow.kubernetes(CLUSTER).list(PROVISIONERS))
    return found


def status(flow: Flow) -> Json:
    found: Json = provisioner(flow).get("status") or {}
    return found


def condition(flow: Flow) -> Json:
    """The provisioner's condition Ready, empty where it has none."""
    return next((each for each in status(flow).get("conditions", []) if each["type"] == "Ready"), {})


def stock(flow: Flow, zone: str, nvidia_l4: int) -> None:
    """So many L4s has the zone in all from now on, those in use among them."""
    flow.stack.world.table("compute.stock").setdefault(zone, {})["nvidia-l4"] = nvidia_l4


def asked(flow: Flow, method: str) -> list[CallRecord]:
    """poolwright's calls of a method of instance group managers since `begin`, such as CreateInstances."""
    return [each for each in flow.stack.world.calls if each.method == f"instance_group_managers.{method}"]


def group_of(flow: Flow, pool: str) -> str:
    """The name of a pool's only group."""
    (group,) = groups(flow, PoolRef(CLUSTER, pool))
    return str(group["name"])


def members(flow: Flow, pool: str) -> list[str]:
    """The names of a pool's members, whatever becomes of them."""
    (group,) = groups(flow, PoolRef(CLUSTER, pool))
    path = group["selfLink"].partition("/compute/v1/")[2]
    return sorted(table(flow, "compute.managedInstances").get(path, {}))


def records(flow: Flow) -> list[str]:
    """What the records of capacity say was decided and done, in their order."""
    found = [each for each in stored(flow, "records") if each["kind"] == "capacity"]
    return [each["what"] for each in sorted(found, key=lambda each: float(each["at"]))]
