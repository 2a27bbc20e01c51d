"""functions-framework processes: ours and the baselines', started, spoken to and stopped alike."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GIVE_UP_SECONDS = 60
HEADERS = {"Content-Type": "application/json"}

HELLO = """
def hello(request):
    return "Hello World!"
"""
# A message that is none of its business, for each function that has such: to the others everything is.
OF_NO_CONCERN = {
    "image_built": "cloud-build-unrelated-working",
    "node_pool_changed": "gke-create-node-pool-started",
    "gpu_alert": "monitoring-unrelated",
}


@dataclass(frozen=True)
class Function:
    """A function to start: its source file, entry point and the body of a request."""

    name: str
    source: Path
    target: str
    body: bytes = b"{}"


@dataclass(frozen=True)
class Running:
    """A started function; `began` is the moment before its process was."""

    function: Function
    pid: int
    port: int
    began: float

    def first_answer(self) -> http.client.HTTPConnection:
        """Post as soon as somebody listens; the connection, with its answer read."""
        while time.perf_counter() - self.began < GIVE_UP_SECONDS:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=GIVE_UP_SECONDS)
            try:
                self.post(connection)
                return connection
            except ConnectionRefusedError:
                time.sleep(0.002)
        raise SystemExit(f"{self.function.name} did not listen within {GIVE_UP_SECONDS} s")

    def post(self, connection: http.client.HTTPConnection) -> None:
        """One request and its answer."""
        connection.request("POST", "/", self.function.body, HEADERS)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise SystemExit(
                f"{self.function.name} answered {answer.status}: start it by hand and post to it to see why"
            )

    def workers(self) -> list[int]:
        """The processes that serve: gunicorn's children."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]


@contextlib.contextmanager
def running(function: Function, variables: Mapping[str, str]) -> Iterator[Running]:
    """The function in a process of its own, until the block ends."""
    port = _free_port()
    command = [sys.executable, "-m", "functions_framework", "--source", str(function.source)]
    command += ["--target", function.target, "--host", "127.0.0.1", "--port", str(port)]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield Running(function=function, pid=process.pid, port=port, began=began)
    finally:
        process.terminate()
        process.wait(GIVE_UP_SECONDS)


def ours(functions: Path) -> list[Function]:
    """Our functions, each with a message of no concern to it. `functions`: the folder of main.py."""
    return [
        Function(name=target, source=functions / "main.py", target=target, body=_push(sample))
        for target, sample in OF_NO_CONCERN.items()
    ]


def written(folder: Path, name: str, text: str, *, target: str) -> Function:
    """A function of a few lines, as a source file of its own."""
    source = folder / f"{name.replace(' ', '_')}.py"
    source.write_text(text)
    return Function(name=name, source=source, target=target)


def environment(functions: Path, **more: str) -> dict[str, str]:
    """Variables of such a process: the machine's, less its credentials. The source root is found in both layouts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "POOLWRIGHT_"))}
    source_root = functions if (functions / "poolwright").is_dir() else functions.parent / "shared"
    return {**kept, "PYTHONPATH": str(source_root), "POOLWRIGHT_PROJECT": "p", **more}


def _push(name: str) -> bytes:
    """A sample as the body of a wrapped push."""
    sample = json.loads((ROOT / "tests" / "payloads" / f"{name}.json").read_text("utf-8"))
    message = {
        "messageId": "1",
        "publishTime": "2026-11-20T10:02:12Z",
        "attributes": sample["attributes"],
        "data": base64.b64encode(json.dumps(sample["data"]).encode()).decode(),
    }
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
