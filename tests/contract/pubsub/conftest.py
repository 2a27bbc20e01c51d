"""Both Pub/Sub servers: the embedded one always, Google's emulator where gcloud has it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from localcloud.emulators import Running, find_pubsub
from localcloud.pubsub import HOST, PubSub
from tests.contract.conftest import Served
from tests.contract.pubsub.bench import Bench


@pytest.fixture(scope="session")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    served = Served(tmp_path_factory.mktemp("embedded"))
    pubsub = served.call(PubSub, served.world)
    served.serve(pubsub.api())
    bench = Bench("embedded", served.endpoints[HOST].removeprefix("http://"))
    yield bench
    bench.close()
    served.run(pubsub.close())
    served.close()


@pytest.fixture(scope="session")
def official_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    emulator = find_pubsub()
    if emulator is None:
        pytest.skip("Google's Pub/Sub emulator is not installed (gcloud components install pubsub-emulator, and java)")
    running = asyncio.run(emulator.start(tmp_path_factory.mktemp("official")))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def official_server(official_process: Running) -> Iterator[Bench]:
    bench = Bench("official", official_process.address)
    yield bench
    bench.close()


@pytest.fixture(params=["embedded", pytest.param("official", marks=pytest.mark.official)])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Either server; the same tests for both."""
    yield from _fresh(request.getfixturevalue(f"{request.param}_server"))


@pytest.fixture
def embedded(embedded_server: Bench) -> Iterator[Bench]:
    """The embedded server, for what the official emulator does not do."""
    yield from _fresh(embedded_server)


def _fresh(bench: Bench) -> Iterator[Bench]:
    yield bench
    for endpoint in bench.endpoints:
        endpoint.close()
    bench.endpoints.clear()
