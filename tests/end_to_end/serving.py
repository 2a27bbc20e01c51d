"""`python -m localcloud serve` as a process of its own, and the clients that people point at it."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.auth.credentials import AnonymousCredentials
from google.cloud import compute_v1, container_v1
from google.cloud.devtools import cloudbuild_v1

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "localcloud" / "worlds" / "small.yaml"
PROJECT = "acme-gpu"
EMBEDDED = ("--pubsub", "embedded", "--firestore", "embedded")
TOGETHER = 3
PATIENCE_SECONDS = 30.0

Client = TypeVar("Client")


class Served:
    """A running `serve` and what it printed; `lines` is all of its standard output so far."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "localcloud", "serve", *EMBEDDED, *arguments]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        first = self.process.stdout.readline()
        self.lines = [first] if first else []
        self.errors = ""
        self._readers = [
            threading.Thread(target=self._read_output, args=(self.process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(self.process.stderr,), daemon=True),
        ]
        for each in self._readers:
            each.start()
        if not first:
            self._wait()
            raise AssertionError(f"serve ended with {self.process.returncode}: {self.errors}")
        self.manifest: dict[str, Any] = json.loads(first)

    @property
    def endpoints(self) -> dict[str, str]:
        found: dict[str, str] = self.manifest["endpoints"]
        return found

    @property
    def environment(self) -> dict[str, str]:
        """What a client's process gets: ours without the settings of other clouds and the size of a terminal, and what
        `serve` printed."""
        others = ("CLOUDSDK_", "GOOGLE_", "COLUMNS", "LINES")
        ours = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        printed: dict[str, str] = self.manifest["env"]
        return ours | printed

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit status."""
        self.process.send_signal(number)
        return self._wait()

    def http(
        self, host: str, verb: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """One raw request; status and JSON (or text). `body`: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.endpoints[host] + path, data=data, method=verb, headers=headers or {})
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def compute(self, kind: Callable[..., Client]) -> Client:
        """A client of Compute's library, such as `compute_v1.ImagesClient`."""
        endpoint = self.endpoints["compute.googleapis.com"]
        return kind(credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint})

    def container(self) -> container_v1.ClusterManagerClient:
        """GKE over gRPC."""
        make = container_v1.ClusterManagerClient.get_transport_class("grpc")
        return container_v1.ClusterManagerClient(transport=make(channel=self.channel("container.googleapis.com")))

    def cloud_build(self) -> cloudbuild_v1.CloudBuildClient:
        """Cloud Build over gRPC."""
        make = cloudbuild_v1.CloudBuildClient.get_transport_class("grpc")
        return cloudbuild_v1.CloudBuildClient(transport=make(channel=self.channel("cloudbuild.googleapis.com")))

    def add_fault(self, **fault: Any) -> None:
        """Bad weather; see localcloud/faults.py."""
        assert self.http("localcloud", "POST", "/faults", fault)[0] == 200

    def channel(self, host: str) -> grpc.Channel:
        """To a host that speaks gRPC."""
        return grpc.insecure_channel(self.endpoints[host].removeprefix("http://"))

    def _read_output(self, stream: Any) -> None:
        for line in stream:
            self.lines.append(line)

    def _read_errors(self, stream: Any) -> None:
        for line in stream:
            self.errors += line

    def _wait(self) -> int:
        status = self.process.wait(30)
        for each in self._readers:
            each.join(10)
        return status


@contextlib.contextmanager
def serve(*arguments: str) -> Iterator[Served]:
    """A running `serve`, stopped at the end however it ends."""
    served = Served(*arguments)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.stop()


class Tool:
    """A command-line client in the environment that `serve` printed. Commands are written as in a shell."""

    def __init__(self, served: Served, program: str, *options: str) -> None:
        self._environment = served.environment
        self._program = program
        self._options = options

    def __call__(self, command: str, *, stdin: str = "") -> str:
        """What the command prints; it must succeed."""
        done = self._run(command, stdin)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def refused(self, command: str, *, stdin: str = "") -> str:
        """What a command that must fail says."""
        done = self._run(command, stdin)
        assert done.returncode != 0, f"{command} did not fail: {done.stdout}"
        return done.stderr

    def says(self, command: str) -> str:
        """What the command says to the person, whether it fails or not."""
        return self._run(command, "").stderr

    def _run(self, command: str, stdin: str) -> subprocess.CompletedProcess[str]:
        words = [self._program, *shlex.split(command), *self._options]
        return subprocess.run(
            words, env=self._environment, input=stdin, capture_output=True, text=True, timeout=120, check=False
        )


class Gcloud(Tool):
    """gcloud; answers are JSON. It takes a second to start, so what can run together does."""

    def __init__(self, served: Served) -> None:
        super().__init__(served, "gcloud", "--format=json")

    def json(self, command: str) -> Any:
        """What the command answers; it must succeed."""
        return json.loads(self(command) or "[]")

    def together(self, *commands: str) -> list[Any]:
        """Independent commands at once; what they answer, in order."""
        return in_parallel(self.json, commands)


def in_parallel(work: Callable[[str], Any], commands: tuple[str, ...] | list[str]) -> list[Any]:
    """Do the same with each command, a few at once."""
    with ThreadPoolExecutor(TOGETHER) as pool:
        return list(pool.map(work, commands))


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until it holds; the world lives in a process of its own."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.1)


def images(served: Served) -> compute_v1.ImagesClient:
    """Compute's images, as another client sees them."""
    return served.compute(compute_v1.ImagesClient)
