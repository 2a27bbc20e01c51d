"""functions-framework processes: ours and the baselines', started, spoken to and stopped alike.

All run from the unpacked deployment archive with what requirements.txt installs, served as functions-framework serves:
by gunicorn, one worker.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
GIVE_UP_SECONDS = 60
HEADERS = {"Content-Type": "application/json"}
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")

HELLO = """
def hello(request):
    return "Hello World!"
"""


@dataclass(frozen=True)
class Site:
    """Where functions run: `python` has what deploys, `source` is the unpacked archive, `folder` takes the logs."""

    python: Path
    source: Path
    folder: Path


@dataclass(frozen=True)
class Function:
    """A function to start: its source file, entry point, the body of a request and variables."""

    name: str
    source: Path
    target: str
    body: bytes = b"{}"
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Running:
    """A started function; `began` is the moment before its process was."""

    function: Function
    pid: int
    port: int
    began: float
    log: Path

    def first_answer(self) -> http.client.HTTPConnection:
        """Post as soon as somebody listens; the connection, with its answer read."""
        while time.perf_counter() - self.began < GIVE_UP_SECONDS:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=GIVE_UP_SECONDS)
            try:
                self.post(connection)
                return connection
            except ConnectionRefusedError:
                time.sleep(0.002)
        raise SystemExit(f"{self.function.name} did not listen within {GIVE_UP_SECONDS} s; its log: {self._said()}")

    def post(self, connection: http.client.HTTPConnection) -> None:
        """One request and its answer."""
        connection.request("POST", "/", self.function.body, HEADERS)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{self.function.name} answered {answer.status}; its log: {self._said()}")

    def workers(self) -> list[int]:
        """The processes that serve: gunicorn's children."""
        return workers(self.pid)

    def expect_no_complaint(self) -> None:
        """A refusal is acknowledged too: what is measured must not be one."""
        if '"severity": "ERROR"' in (said := self._said()) or '"severity": "WARNING"' in said:
            raise SystemExit(f"{self.function.name} was to answer without complaint; its log: {said}")

    def _said(self) -> str:
        return self.log.read_text("utf-8")[-2000:]


@contextlib.contextmanager
def running(function: Function, site: Site) -> Iterator[Running]:
    """The function in a process of its own, until the block ends."""
    port = _free_port()
    command = [str(site.python), "-m", "functions_framework", "--source", str(function.source)]
    command += ["--target", function.target, "--host", "127.0.0.1", "--port", str(port)]
    # Nothing of the machine's own: no credentials, no settings.
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    environment |= {"PYTHONPATH": str(site.source), **function.variables}
    log = site.folder / "function.log"
    with log.open("wb") as out:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=site.source, env=environment, stdout=out, stderr=out)
        try:
            yield Running(function=function, pid=process.pid, port=port, began=began, log=log)
        finally:
            process.terminate()
            process.wait(GIVE_UP_SECONDS)


def written(site: Site, name: str, text: str, *, target: str, **variables: str) -> Function:
    """A function of a few lines, as a source file of its own."""
    source = site.folder / f"{name.replace(' ', '_')}.py"
    source.write_text(text)
    return Function(name=name, source=source, target=target, variables=variables)


def ours(site: Site, target: str, body: Mapping[str, Any], variables: Mapping[str, str], *, name: str = "") -> Function:
    """A function of the archive. `body`: of a wrapped push."""
    data = json.dumps(body).encode()
    return Function(name=name or target, source=site.source / "main.py", target=target, body=data, variables=variables)


def workers(pid: int) -> list[int]:
    """The children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident(pid: int) -> float:
    """Megabytes of one process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def processor_seconds(pid: int) -> float:
    """User and system time of a process (proc(5): fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
