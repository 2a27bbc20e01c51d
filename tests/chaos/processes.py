"""Deliveries in processes of their own, which can be killed at any call."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.chaos.outside import OutsideCall

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (ROOT, ROOT / "shared", ROOT / "functions")
Json = dict[str, Any]


@dataclass(frozen=True)
class Kill:
    """The process that takes message `message` dies before or after its call `call` (both counted from 0)."""

    message: int
    call: int
    when: Literal["before", "after"]


@dataclass(frozen=True)
class Ended:
    """What a process did: its calls (the last one may not have been sent), and its answer, None if it was killed."""

    calls: tuple[OutsideCall, ...]
    status: int | None


class Zygote:
    """The process that forks. Started once, closed once."""

    def __init__(self, env: dict[str, str]) -> None:
        path = os.pathsep.join(map(str, SOURCES))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **env, "PYTHONPATH": path},
        )
        self._read()

    def deliver(self, function: str, body: Json, *, env: dict[str, str], number: int, kill: Kill | None) -> Ended:
        """Push to a function in a new process; AssertionError if it dies otherwise than was asked for."""
        struck = [kill.call, kill.when] if kill else None
        request = {"function": function, "body": body, "env": env, "number": number, "kill": struck}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        calls: list[OutsideCall] = []
        status: int | None = None
        while "ended" not in (said := self._read()):
            if "call" in said:
                calls.append(OutsideCall(said["call"], said["effect"], said["way"]))
            else:
                status = int(said["status"])
        if kill is not None:
            assert said["ended"] == -signal.SIGKILL, f"not killed: it made {len(calls)} calls and answered {status}"
        else:
            assert said["ended"] == 0, f"the process ended with {said['ended']} after {calls[-3:]}"
            assert status is not None, f"no answer after {calls[-3:]}"
        return Ended(tuple(calls), status)

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def _read(self) -> Json:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the zygote is gone; its standard error says why"
        said: Json = json.loads(line)
        return said
