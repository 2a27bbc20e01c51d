"""Google's emulators as processes of ours, and the world's messages sent to one."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from localcloud.emulators import Emulator, OfficialPubSub, Running, find_firestore, find_pubsub
from localcloud.simulation import Simulation
from localcloud.world import World
from tests.contract.pubsub.bench import Bench


def test_without_gcloud_there_is_no_emulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CLOUDSDK_ROOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (find_pubsub(), find_firestore()) == (None, None)


def test_gcloud_without_the_component_has_no_emulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLOUDSDK_ROOT", str(tmp_path))
    assert (find_pubsub(), find_firestore()) == (None, None)


@pytest.mark.official
async def test_firestore_starts_answers_and_is_gone_when_stopped(tmp_path: Path) -> None:
    emulator = find_firestore()
    if emulator is None:
        pytest.skip("Google's Firestore emulator is not installed (gcloud components install cloud-firestore-emulator)")

    running = await emulator.start(tmp_path)
    assert await running.ready(within=5)
    running.stop()

    assert running.process.poll() is not None
    with pytest.raises(ProcessLookupError):
        os.killpg(running.process.pid, 0)


async def test_an_emulator_that_does_not_come_up_is_told_with_its_log(tmp_path: Path) -> None:
    broken = Emulator(name="broken", java="/bin/sh", arguments=("-c", "echo no heap; exit 1"))
    # The shell takes the options before -c for its own and ends at once, as a java that cannot start does.
    with pytest.raises(RuntimeError, match=r"broken emulator does not come up(.|\n)*broken\.log"):
        await broken.start(tmp_path)


@pytest.mark.official
async def test_the_worlds_messages_reach_the_emulator_in_their_order(
    official_process: Running, official_server: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(project="demo-project", simulation=Simulation(manual=True))
    pubsub = OfficialPubSub(world, official_process)
    await pubsub.start()
    topic, name = official_server.name("topics"), official_server.name("subscriptions")
    await pubsub.create_topic(topic)
    await pubsub.create_subscription(name, topic=topic, ackDeadlineSeconds=60)

    with caplog.at_level(logging.INFO, logger="localcloud.emulators"):
        world.publish("nowhere", b"lost", {})
        for number in range(20):
            world.publish(topic, str(number).encode(), {"kind": "test"})
        await pubsub.close()

    got = await asyncio.to_thread(official_server.pull_until, name, 20)
    by_id = sorted(got, key=lambda each: int(each.message.message_id))
    assert [each.message.data for each in by_id] == [str(number).encode() for number in range(20)]
    assert dict(got[0].message.attributes) == {"kind": "test"}
    assert "nowhere" in caplog.text
