"""Cold starts under functions-framework: from the start of the process to its first answer, and its memory then.

Each function of ours answers a message of no concern to it, beside the framework's hello world; a function that reads
one instance group through our adapter, beside one that does so after a plain `import google.cloud.compute_v1`.
Rounds are interleaved, so that a busy minute of the machine meets all alike; the least disturbed one counts.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.framework import HELLO, Function, environment, ours, running, written

HELLO_WORLD, PLAIN_COMPUTE, COMPUTE = "hello world", "compute, plain", "compute"
AIM_HELLO, AIM_COMPUTE, AIM_MEGABYTES = 1.3, 0.6, 130

PLAIN = """
import os

def read(request):
    import google.cloud.compute_v1 as compute_v1
    from google.auth.credentials import AnonymousCredentials

    client = compute_v1.InstanceGroupManagersClient(
        credentials=AnonymousCredentials(), client_options={"api_endpoint": os.environ["COMPUTE"]}
    )
    return client.get(project="p", zone="z", instance_group_manager="g").name
"""
OURS = """
def read(request):
    from poolwright.bootstrap import ports
    from poolwright.references import GroupRef

    return ports().compute.group(GroupRef("p", "z", "g"))["name"]
"""


@dataclass(frozen=True, order=True)
class Start:
    """What one cold start took; the shorter is the less."""

    seconds: float
    megabytes: float


def measure(*, functions: Path, folder: Path, rounds: int) -> int:
    """Measure and print the table; how many aims are missed."""
    candidates = [
        written(folder, HELLO_WORLD, HELLO, target="hello"),
        written(folder, PLAIN_COMPUTE, PLAIN, target="read"),
        written(folder, COMPUTE, OURS, target="read"),
        *ours(functions),
    ]
    measured: dict[str, list[Start]] = {candidate.name: [] for candidate in candidates}
    with one_group() as url:
        endpoints = json.dumps({"compute.googleapis.com": url})
        variables = environment(functions, COMPUTE=url, POOLWRIGHT_ENDPOINTS=endpoints)
        for _ in range(rounds):
            for candidate in candidates:
                measured[candidate.name].append(cold_start(candidate, variables))
    return report({name: min(starts) for name, starts in measured.items()})


def cold_start(function: Function, variables: dict[str, str]) -> Start:
    """Start it, post its first message as soon as it listens, stop it."""
    with running(function, variables) as process:
        process.first_answer().close()
        seconds = time.perf_counter() - process.began
        return Start(seconds=seconds, megabytes=max(map(resident, [process.pid, *process.workers()])))


def resident(pid: int) -> float:
    """Megabytes of one process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def report(measured: dict[str, Start]) -> int:
    missed = 0
    print(f"{'cold start of':20} {'seconds':>7} {'MB':>5} {'ratio':>6}  aim")
    for name, start in measured.items():
        line = f"{name:20} {start.seconds:7.3f} {start.megabytes:5.0f}"
        if name in (HELLO_WORLD, PLAIN_COMPUTE):
            print(f"{line} {'':6}  baseline")
            continue
        baseline, aim = (PLAIN_COMPUTE, AIM_COMPUTE) if name == COMPUTE else (HELLO_WORLD, AIM_HELLO)
        ratio = start.seconds / measured[baseline].seconds
        wanted = f"<= {aim} of {baseline}" + (f" and <= {AIM_MEGABYTES} MB" if name == COMPUTE else "")
        reached = ratio <= aim and (name != COMPUTE or start.megabytes <= AIM_MEGABYTES)
        print(f"{line} {ratio:6.2f}  {wanted}: {'reached' if reached else 'MISSED'}")
        missed += not reached
    return missed


class OneGroup(BaseHTTPRequestHandler):
    """The one answer that both readers of a group need."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({"kind": "compute#instanceGroupManager", "name": "g", "targetSize": 1}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""


@contextlib.contextmanager
def one_group() -> Iterator[str]:
    """A server that knows one instance group; its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), OneGroup)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
