"""Cold starts under functions-framework: from the start of the process to its first answer, and its memory then.

Each function of ours answers a message of no concern to it, beside the framework's hello world; a function that reads
one instance group through our adapter, beside one that does so after a plain `import google.cloud.compute_v1`.
Rounds are interleaved, so that a busy minute of the machine meets all alike; the figures are medians.

    python bench/cold_start.py [--rounds N] [--functions FOLDER]
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAYLOADS = ROOT / "tests" / "payloads"
GIVE_UP_SECONDS = 60
HELLO_WORLD, PLAIN_COMPUTE, COMPUTE = "hello world", "compute, plain", "compute"
AIM_HELLO, AIM_COMPUTE, AIM_MEGABYTES = 1.3, 0.6, 130

HELLO = """
def hello(request):
    return "Hello World!"
"""
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
# A message that is none of its business, for each function that has such.
OF_NO_CONCERN = {
    "image_built": "cloud-build-unrelated-working",
    "node_pool_changed": "gke-create-node-pool-started",
    "gpu_alert": "monitoring-unrelated",
}


@dataclass(frozen=True)
class Start:
    """What one cold start took."""

    seconds: float
    megabytes: float


@dataclass(frozen=True)
class Candidate:
    """A function to start: its source file, entry point and the body of the first request."""

    name: str
    source: Path
    target: str
    body: bytes


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


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--functions", type=Path, default=ROOT / "functions", help="folder of main.py")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, one_group() as url:
        candidates = candidates_in(Path(folder), given.functions)
        variables = environment(url, given.functions)
        measured: dict[str, list[Start]] = {candidate.name: [] for candidate in candidates}
        for _ in range(given.rounds):
            for candidate in candidates:
                measured[candidate.name].append(cold_start(candidate, variables))
    return report({name: middle(starts) for name, starts in measured.items()})


def candidates_in(folder: Path, functions: Path) -> list[Candidate]:
    """The baselines, the function that calls Compute, and ours."""
    made: list[Candidate] = []
    baselines = {HELLO_WORLD: ("hello", HELLO), PLAIN_COMPUTE: ("read", PLAIN), COMPUTE: ("read", OURS)}
    for name, (target, text) in baselines.items():
        source = folder / f"{len(made)}.py"
        source.write_text(text)
        made.append(Candidate(name=name, source=source, target=target, body=b"{}"))
    for target, sample in OF_NO_CONCERN.items():
        body = push(json.loads((PAYLOADS / f"{sample}.json").read_text()))
        made.append(Candidate(name=target, source=functions / "main.py", target=target, body=body))
    return made


def push(sample: dict[str, Any]) -> bytes:
    """A sample as the body of a wrapped push."""
    data = base64.b64encode(json.dumps(sample["data"]).encode()).decode()
    message = {
        "messageId": "1",
        "publishTime": "2026-11-20T10:02:12Z",
        "attributes": sample["attributes"],
        "data": data,
    }
    return json.dumps({"message": message, "subscription": "projects/p/subscriptions/s"}).encode()


def environment(url: str, functions: Path) -> dict[str, str]:
    """The process's variables, less any credentials of the machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GOOGLE_", "POOLWRIGHT_"))}
    shared = functions / "poolwright"
    path = functions if shared.is_dir() else functions.parent / "shared"
    return kept | {
        "PYTHONPATH": str(path),
        "COMPUTE": url,
        "POOLWRIGHT_PROJECT": "p",
        "POOLWRIGHT_ENDPOINTS": json.dumps({"compute.googleapis.com": url}),
    }


def cold_start(candidate: Candidate, variables: dict[str, str]) -> Start:
    """Start it, post its first message as soon as it listens, stop it."""
    port = free_port()
    command = [sys.executable, "-m", "functions_framework", "--source", str(candidate.source)]
    command += ["--target", candidate.target, "--host", "127.0.0.1", "--port", str(port)]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        status = first_answer(port, candidate.body, began)
        seconds = time.perf_counter() - began
        if status >= 300:
            raise SystemExit(f"{candidate.name} answered {status}; run {' '.join(command)} and post to it to see why")
        return Start(seconds=seconds, megabytes=resident(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=GIVE_UP_SECONDS)


def first_answer(port: int, body: bytes, began: float) -> int:
    while time.perf_counter() - began < GIVE_UP_SECONDS:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_SECONDS)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            return connection.getresponse().status
        except ConnectionRefusedError:
            time.sleep(0.002)
        finally:
            connection.close()
    raise SystemExit(f"nothing listened within {GIVE_UP_SECONDS} s")


def resident(pid: int) -> float:
    """Megabytes of the worker, the child that has imported and answered; the process itself where it has no child."""
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return max(map(one_resident, [*children, pid]))


def one_resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))


def middle(starts: list[Start]) -> Start:
    return Start(seconds=median(each.seconds for each in starts), megabytes=median(each.megabytes for each in starts))


def report(measured: dict[str, Start]) -> int:
    """Print the table; 1 where an aim is missed."""
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
    return 1 if missed else 0


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


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
