"""Google's own emulators of Pub/Sub and Firestore, where gcloud has them installed, as processes of ours.

gcloud itself is not run: its folder is found from CLOUDSDK_ROOT or from `gcloud` on PATH, and the emulators under
`platform/` are started with java, on loopback and a free port.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from localcloud.world import World

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
READY_WITHIN = 60.0
STOPPED_WITHIN = 10.0
TRIES = 3


@dataclass(frozen=True)
class Emulator:
    """One installed emulator: what java runs, without host and port."""

    name: str
    java: str
    arguments: tuple[str, ...]

    async def start(self, folder: Path) -> Running:
        """Start it on a free port with `folder` for its data and log; returns when it answers.

        Raises RuntimeError with the end of its log where it does not come up.
        """
        logs = folder / f"{self.name}.log"
        for _ in range(TRIES):
            running = self._launch(folder, logs)
            if await running.ready(within=READY_WITHIN):
                return running
            running.stop()
        end = logs.read_text("utf-8", "replace")[-2000:]
        raise RuntimeError(f"the {self.name} emulator does not come up; the end of {logs}:\n{end}")

    def _launch(self, folder: Path, logs: Path) -> Running:
        port = _free_port()
        command = [self.java, f"-Djava.io.tmpdir={folder}", *self.arguments, f"--host={LOOPBACK}", f"--port={port}"]
        with logs.open("ab") as out:
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        return Running(name=self.name, process=process, port=port, log_file=logs)


@dataclass
class Running:
    """An emulator that runs; `address` for `..._EMULATOR_HOST`."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    log_file: Path
    host: str = LOOPBACK

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    async def ready(self, *, within: float) -> bool:
        """Whether it answers within so many seconds; False at once when it ended."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while loop.time() < end and self.process.poll() is None:
                with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                    async with session.get(f"http://{self.address}/") as answer:
                        if answer.status == 200:
                            return True
                await asyncio.sleep(0.05)
        return False

    def stop(self) -> None:
        """End it and whatever it started."""
        for how in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, how)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOPPED_WITHIN)
                return


def find_pubsub() -> Emulator | None:
    """The Pub/Sub emulator, or None without gcloud's component or without java."""
    java, folder = _java(), _platform("pubsub-emulator")
    jars = sorted(folder.glob("lib/cloud-pubsub-emulator-*-all.jar")) if folder else []
    if java is None or not jars:
        return None
    return Emulator(name="pubsub", java=java, arguments=("-jar", str(jars[-1])))


def find_firestore() -> Emulator | None:
    """The Firestore emulator, or None without gcloud's component or without java."""
    java, folder = _java(), _platform("cloud-firestore-emulator")
    jar = folder / "cloud-firestore-emulator.jar" if folder else None
    if java is None or jar is None or not jar.is_file():
        return None
    main = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
    return Emulator(name="firestore", java=java, arguments=("-Duser.language=en", "-cp", str(jar), main, "start"))


def _platform(component: str) -> Path | None:
    """A component's folder in gcloud's installation."""
    if root := os.environ.get("CLOUDSDK_ROOT"):
        sdk = Path(root)
    elif gcloud := shutil.which("gcloud"):
        sdk = Path(gcloud).resolve().parent.parent
    else:
        return None
    folder = sdk / "platform" / component
    return folder if folder.is_dir() else None


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


class OfficialPubSub:
    """The running Pub/Sub emulator as the place where the world's messages go, in their order, without waiting."""

    def __init__(self, world: World, running: Running) -> None:
        self._project = world.project
        self._base = f"http://{running.address}/v1/"
        self._waiting: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()
        self._session: aiohttp.ClientSession | None = None
        self._sender: asyncio.Task[None] | None = None
        world.publish = self.publish

    async def start(self) -> None:
        """Begin to send."""
        self._session = aiohttp.ClientSession()
        self._sender = asyncio.create_task(self._send())

    async def close(self) -> None:
        """Send what waits, then stop."""
        if self._sender is not None:
            await self._waiting.join()
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def publish(self, topic: str, data: bytes, attributes: dict[str, str]) -> None:
        """Publish to a topic by its id or full name; a topic that is not there is logged, nothing more."""
        message = {"data": base64.b64encode(data).decode(), "attributes": attributes}
        self._waiting.put_nowait((self._full("topics", topic), message))

    async def create_topic(self, name: str, **fields: Any) -> None:
        """A topic by its id or full name; `fields` as in the REST resource."""
        await self._call("put", self._full("topics", name), fields)

    async def create_subscription(self, name: str, *, topic: str, **fields: Any) -> None:
        """A subscription by its id or full name; `fields` as in the REST resource."""
        await self._call("put", self._full("subscriptions", name), {"topic": self._full("topics", topic), **fields})

    async def _send(self) -> None:
        while True:
            topic, message = await self._waiting.get()
            try:
                await self._call("post", f"{topic}:publish", {"messages": [message]})
            except (aiohttp.ClientError, OSError) as wrong:
                log.info("a message for %s goes nowhere: %s", topic, wrong)
            finally:
                self._waiting.task_done()

    async def _call(self, verb: str, path: str, body: dict[str, Any]) -> None:
        if self._session is None:
            raise RuntimeError("not started; await start() first")
        async with self._session.request(verb, self._base + path, json=body) as answer:
            if answer.status >= 400:
                raise aiohttp.ClientError(f"{answer.status} {await answer.text()}")

    def _full(self, kind: str, name: str) -> str:
        return name if name.startswith("projects/") else f"projects/{self._project}/{kind}/{name}"
