"""A process that has loaded poolwright's functions and forks for each delivery, so that a delivery can be killed by a
real SIGKILL at a chosen call without anybody waiting for imports. `python -m tests.chaos.zygote`; `processes` talks
to it.

A request is a line of JSON on standard input: {function, body, env, number, kill: [index, "before" | "after"] | null}.
The child says each call before it makes it, {call, effect, way}, at last {status}; and when it is gone, by
whatever way, the parent says {ended} with its exit code, negative for a signal.

The parent makes no thread, no client and no connection: a child starts as a cold function does.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

from tests.chaos import pushing
from tests.chaos.outside import OutsideCall, boundary

Json = dict[str, Any]
Say = Callable[[Json], None]


class AskedClock:
    """The stand-in's time, asked for each time: waiting for an operation lets it pass. Ids as nobody else has them."""

    def __init__(self, url: str, number: int) -> None:
        self._place = urlsplit(url)
        self._number = number
        self._count = itertools.count(1)

    def now(self) -> float:
        return float(self._ask("GET", None)["now"])

    def sleep(self, seconds: float) -> None:
        """Let the world's time pass, not ours."""
        self._ask("POST", {"seconds": seconds})

    def unique(self) -> str:
        return f"00000000-0000-4000-9{self._number % 4096:03x}-{next(self._count):012d}"

    def _ask(self, method: str, body: Json | None) -> Json:
        connection = http.client.HTTPConnection(self._place.netloc, timeout=10)  # not by urllib3: this is no call
        connection.request(method, "/time", json.dumps(body) if body else None)
        found: Json = json.loads(connection.getresponse().read())
        return found


class Executioner:
    """Says each call, and kills this process before or after the one that was chosen."""

    def __init__(self, say: Say, kill: tuple[int, Literal["before", "after"]] | None) -> None:
        self._say = say
        self._kill = kill
        self._count = itertools.count()

    def __call__(self, call: OutsideCall, make: Callable[[], Any]) -> Any:
        index = next(self._count)
        self._say({"call": call.name, "effect": call.effect, "way": call.way})
        self._strike(index, "before")
        try:
            return make()
        finally:
            self._strike(index, "after")

    def _strike(self, index: int, when: str) -> None:
        if self._kill is not None and self._kill == (index, when):
            os.kill(os.getpid(), signal.SIGKILL)


def serve() -> None:
    """Until standard input ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes elsewhere

    def say(what: Json) -> None:
        out.write(json.dumps(what) + "\n")
        out.flush()

    apps = _load()
    say({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                _deliver(request, apps, say)
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        say({"ended": os.waitstatus_to_exitcode(status)})


def _load() -> pushing.Apps:
    """The functions, and all that they import on any path."""
    import importlib
    import pkgutil

    import poolwright.adapters
    import poolwright.services
    from poolwright.adapters.google_imports import compute_client

    for package in (poolwright.adapters, poolwright.services):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(found.name)
    compute_client("ImagesClient")
    for name in (
        "google.cloud.container_v1.services.cluster_manager",
        "google.cloud.devtools.cloudbuild_v1.services.cloud_build",
        "google.cloud.monitoring_v3.services.metric_service",
        "google.pubsub_v1.services.publisher",
    ):
        importlib.import_module(name)
    return pushing.load()


def _deliver(request: Json, apps: pushing.Apps, say: Say) -> None:
    """In the child: one push."""
    os.environ.update(request["env"])
    from poolwright import bootstrap
    from poolwright.settings import Settings

    ports = bootstrap.ports(Settings.read())
    endpoint = json.loads(request["env"]["POOLWRIGHT_ENDPOINTS"])["localcloud"]
    clock = AskedClock(endpoint, request["number"])
    ports.__dict__["clock"] = clock
    time.sleep = clock.sleep  # type: ignore[assignment]
    bootstrap._of_process = lambda: ports  # type: ignore[assignment]
    kill = request["kill"]
    with boundary(Executioner(say, (kill[0], kill[1]) if kill else None)):
        say({"status": pushing.push(apps, request["function"], request["body"])})


if __name__ == "__main__":
    serve()
