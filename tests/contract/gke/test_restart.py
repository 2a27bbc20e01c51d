"""A saved world goes on."""

from __future__ import annotations

from pathlib import Path

from localcloud.compute import Compute
from localcloud.gke import Gke
from localcloud.simulation import Simulation
from localcloud.world import World
from tests.contract.gke.conftest import CLUSTER, POOL, Stage


def test_clusters_nodes_and_what_was_under_way_survive_a_restart(stage: Stage, tmp_path: Path) -> None:
    operation = stage.rest.set_node_pool_size(request={"name": POOL, "node_count": 2})
    stage.advance(10)
    stage.served.call(stage.world.save, tmp_path / "world.json")
    before = {each["metadata"]["name"] for each in stage.nodes()}

    async def again() -> tuple[World, Gke]:
        world = World(project="demo-project", simulation=Simulation(manual=True))
        gke = Gke(world, Compute(world), stage._open_control_plane)
        world.load(tmp_path / "world.json")
        await gke.go_on()
        world.simulation.advance(1200)
        return world, gke

    world, gke = stage.served.run(again())
    after = {each["metadata"]["name"] for each in gke.clusters[CLUSTER].list("nodes")}
    assert before < after and len(after) == 4
    record = next(each for path, each in world.table("gke.operations").items() if path.endswith(operation.name))
    assert record["operation"]["status"] == "DONE"
    assert gke.kubelets.ready_nodes(gke.state.pools[POOL]) == 4
