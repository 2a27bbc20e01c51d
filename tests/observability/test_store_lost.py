"""docs/recover.md, "Lost store": without its documents poolwright touches nothing, and a rollout builds them anew."""

from __future__ import annotations

import json

import msgspec
import pytest

from poolwright.adapters.sqlite_store import SqliteStore
from poolwright.services import released, status
from tests.chaos.flows.world import GKE, L4, MANAGER, command, groups, image, phase, runs, stored
from tests.chaos.harness import Flow
from tests.services.conftest import Begin


def lose_the_store(flow: Flow) -> None:
    """Every document is gone, as in a database that was just made."""
    store = flow.ports.store
    assert isinstance(store, SqliteStore)
    store._connection.execute("DELETE FROM documents")


def writes(flow: Flow) -> list[str]:
    """What was written at Google's and in clusters since `begin`."""
    return [each.method for each in flow.stack.world.calls.mutating() if not each.host.startswith("pubsub")]


@pytest.mark.slow
def test_a_lost_store_changes_nothing_until_somebody_starts_the_run_that_the_fleet_is_on(begin: Begin) -> None:
    flow = begin()
    image(flow, run_id=1)
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")
    flow.pass_time(300)
    templates = {each["instanceTemplate"] for each in groups(flow, L4)}

    lose_the_store(flow)
    flow.begin()
    flow.pass_time(1800)
    (environment,) = flow.ports.environments
    assert writes(flow) == []
    assert released.read(flow.ports, environment).run_id == 0
    seen = msgspec.to_builtins(status.read(flow.ports, environment))
    assert [(each["runId"], each["groups"]) for each in seen["groups"]] == [(1, 3)], json.dumps(seen, default=str)

    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout that builds the documents anew")
    assert released.read(flow.ports, environment).run_id == 1
    assert {each["instanceTemplate"] for each in groups(flow, L4)} == templates
    assert {each["what"] for each in stored(flow, "records") if each["kind"] == "mutation"} == set()

    flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), labels={"labels": {"team": "chaos"}})
    flow.until(lambda: runs(flow, L4) == {1}, what="GKE's new template taken over")
