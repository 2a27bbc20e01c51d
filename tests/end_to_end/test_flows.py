"""Each flow of the story, with the functions as they deploy: from what somebody does to what the API says then.

The acts are the demo's own (localcloud/demo/story.py); each says what it expected of the world and what it found.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.demo.screen import Row
from poolwright.boot_images.mutation import run_id_of
from tests.end_to_end.deployed import Deployed, Kind, deployed, labels


@pytest.fixture(scope="module")
def running(archive: Path, kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with deployed(archive, tmp_path_factory.mktemp(kind), kind=kind) as here:
        yield here


@pytest.fixture(scope="module")
def first_rollout(running: Deployed) -> list[Row]:
    return running.rows(running.stage.story.a_boot_image_goes_out)


def wrong(rows: list[Row]) -> list[Row]:
    assert rows, "nothing was compared"
    return [row for row in rows if not row.right]


def test_it_runs_on_the_emulators_that_the_test_names(running: Deployed, kind: Kind) -> None:
    parts = {"embedded": ("embedded", "none; SQLite instead"), "official": ("official emulator", "official emulator")}
    assert (running.stage.manifest["parts"]["pubsub"], running.stage.manifest["parts"]["firestore"]) == parts[kind]


def test_a_build_becomes_an_image_that_goes_out_in_waves(running: Deployed, first_rollout: list[Row]) -> None:
    assert wrong(first_rollout) == []
    phases = [record["what"] for record in running.documents()["records"].values() if record["kind"] == "rollout"]
    assert {"verifying: canary", "baking: canary", "mutating: wave 1", "mutating: wave 2"} <= set(phases)


def test_a_new_pool_is_on_the_image_before_its_first_node(running: Deployed, first_rollout: list[Row]) -> None:
    assert wrong(running.rows(running.stage.story.a_new_pool_is_mutated_at_birth)) == []


def test_load_grows_a_group_and_idle_nodes_are_drained_and_deleted(running: Deployed) -> None:
    assert wrong(running.rows(running.stage.story.load_comes_and_goes)) == []


def test_an_image_that_no_longer_fits_is_not_forced_on_an_upgraded_pool(
    running: Deployed, first_rollout: list[Row]
) -> None:
    assert wrong(running.rows(running.stage.story.an_upgrade_moves_the_base_image)) == []


def test_pools_without_gpus_keep_gkes_own_template(running: Deployed, first_rollout: list[Row]) -> None:
    cloud = running.stage.story.cloud
    plain = [group for pool, groups in cloud.pools().items() if not cloud.accelerators(pool) for group in groups]
    assert plain
    assert [group for group in plain if run_id_of(cloud.group(group).template)] == []


def test_a_rollout_is_paused_resumed_and_rolled_back_by_messages(running: Deployed, first_rollout: list[Row]) -> None:
    assert wrong(running.rows(running.stage.story.a_rollout_is_paused_resumed_and_rolled_back)) == []


def test_every_way_to_be_told_was_used(running: Deployed) -> None:
    assert wrong(running.rows(running.stage.story.everybody_was_heard)) == []


def test_nothing_failed_and_nothing_was_refused_on_the_way(running: Deployed) -> None:
    assert running.dead_letters() == []
    for function in running.stage.deployment.functions:
        assert "Traceback" not in running.log_text(function)
        for line in running.lines(function):
            assert line["severity"] in ("DEBUG", "INFO", "WARNING"), line
            assert labels(line).get("function") == function, line
