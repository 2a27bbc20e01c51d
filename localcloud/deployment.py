"""poolwright deployed on the stand-in as Terraform deploys it on Google: topics, push subscriptions, functions.

The functions come from the deployment archive, each in its own functions-framework process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from localcloud.ports import LOOPBACK, free_port

DEAD_LETTERS = "dead-letter"
READY_WITHIN = 60.0
FINISHED = " OR ".join(
    f'attributes.status = "{status}"'
    for status in ("SUCCESS", "FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED")
)
UPGRADE_INFO = 'attributes.type_url = "type.googleapis.com/google.container.v1beta1.UpgradeInfoEvent"'


@dataclass(frozen=True)
class Subscription:
    """One push subscription: which topic wakes which function, and what of it passes."""

    name: str
    topic: str
    function: str
    filter: str = ""


SUBSCRIPTIONS = (
    Subscription("image-built", "cloud-builds", "image_built", FINISHED),
    Subscription("node-pool-audit", "gke-audit", "node_pool_changed"),
    Subscription("node-pool-notification", "gke-notifications", "node_pool_changed", UPGRADE_INFO),
    Subscription("gpu-alert", "gpu-alerts", "gpu_alert"),
    Subscription("rollout-command", "rollout-commands", "rollout_command"),
    Subscription("step", "work", "step"),
    Subscription("tick", "ticks", "tick"),
    Subscription("notify", "notifications", "notify"),
)
FUNCTIONS = tuple(sorted({each.function for each in SUBSCRIPTIONS}))
STATUS_PAGE = "status_page"  # which no subscription wakes: people ask it


def identity(function: str, project: str) -> str:
    """The email of the service account that Terraform gives a function."""
    return f"poolwright-{function.replace('_', '-')}@{project}.iam.gserviceaccount.com"


def unpack(archive: Path, folder: Path) -> Path:
    """The archive unpacked, as Cloud Functions would; the folder."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return folder


@dataclass
class Function:
    """A function's process."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        """Where Pub/Sub pushes to."""
        return f"http://{LOOPBACK}:{self.port}/"


@dataclass
class Deployment:
    """Functions that run from `source` (the unpacked archive) with `python`, told by `env`; logs go to `folder`.

    `instances`: of a function that has more than one; `concurrency`: how many requests an instance takes at a time;
    `identities`: the key file of a function's own service account, where it has one.
    """

    python: Path
    source: Path
    env: Mapping[str, str]
    folder: Path
    instances: Mapping[str, int] = field(default_factory=dict)
    concurrency: int = 8
    identities: Mapping[str, Path] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)

    def start(self, names: Iterable[str] = FUNCTIONS) -> None:
        """Start the functions and wait until each listens. RuntimeError with the log of one that does not."""
        for name in names:
            self.functions[name] = self._launch(name)
        for function in self.functions.values():
            self._wait(function)

    def stop(self) -> None:
        """End the processes."""
        for function in self.functions.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(function.process.pid, signal.SIGTERM)
        for function in self.functions.values():
            try:
                function.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(function.process.pid, signal.SIGKILL)
                function.process.wait(10)

    def subscribe(self, *, without: Iterable[str] = (), retry: bool = True) -> None:
        """Topics, the dead-letter topic with its own subscription, and the push subscriptions.

        `without`: subscriptions to leave out. `retry`: with backoff (the official emulator stalls on it).
        """
        from google.api_core.exceptions import AlreadyExists
        from google.cloud import pubsub_v1

        project = self.env["POOLWRIGHT_PROJECT"]
        publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
        topics = {each.topic for each in SUBSCRIPTIONS} | {DEAD_LETTERS}
        for topic in sorted(topics):
            with contextlib.suppress(AlreadyExists):
                publisher.create_topic(name=publisher.topic_path(project, topic))
        requests: list[dict[str, Any]] = [{"name": DEAD_LETTERS, "topic": DEAD_LETTERS, "expiration_policy": {}}]
        requests += [self._request(each, retry=retry) for each in SUBSCRIPTIONS if each.name not in without]
        for request in requests:
            name = subscriber.subscription_path(project, request.pop("name"))
            topic = publisher.topic_path(project, request.pop("topic"))
            if "dead_letter_policy" in request:
                request["dead_letter_policy"]["dead_letter_topic"] = publisher.topic_path(project, DEAD_LETTERS)
            with contextlib.suppress(AlreadyExists):
                subscriber.create_subscription(request={"name": name, "topic": topic, **request})
        subscriber.close()
        self._show()

    def _show(self) -> None:
        """The rest of what Terraform makes, for those who look at it."""
        from localcloud import deployed

        endpoints = json.loads(self.env.get("POOLWRIGHT_ENDPOINTS", "{}"))
        if "localcloud" in endpoints:
            urls = {each.name: each.url for each in self.functions.values()}
            variables = [name for name in self.env if name.startswith("POOLWRIGHT_")]
            deployed.put(endpoints, self.env["POOLWRIGHT_PROJECT"], urls, variables=variables)

    def _request(self, each: Subscription, *, retry: bool) -> dict[str, Any]:
        request: dict[str, Any] = {
            "name": each.name,
            "topic": each.topic,
            "push_config": {
                "push_endpoint": self.functions[each.function].url,
                "oidc_token": {
                    "service_account_email": f"push@{self.env['POOLWRIGHT_PROJECT']}.iam.gserviceaccount.com"
                },
            },
            "ack_deadline_seconds": 90,  # longer than a function may run
            "expiration_policy": {},
            "filter": each.filter,
            "dead_letter_policy": {"max_delivery_attempts": 20},
        }
        if retry:
            request["retry_policy"] = {"minimum_backoff": {"seconds": 10}, "maximum_backoff": {"seconds": 600}}
        return request

    def _launch(self, name: str) -> Function:
        port = free_port()
        log = self.folder / f"{name}.log"
        command = [
            str(self.python), "-m", "functions_framework", "--target", name, "--source", str(self.source / "main.py"),
            "--host", LOOPBACK, "--port", str(port),
        ]  # fmt: skip
        env = {
            **{key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ},
            **self.env,
            "K_SERVICE": name,
            "PYTHONDONTWRITEBYTECODE": "",
            "THREADS": str(self.concurrency),
            "WORKERS": str(self.instances.get(name, 1)),
        }
        if name in self.identities:
            env["GOOGLE_APPLICATION_CREDENTIALS"] = str(self.identities[name])
        with log.open("ab") as out:
            process = subprocess.Popen(
                command,
                cwd=self.source,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        return Function(name=name, port=port, process=process, log=log)

    def _wait(self, function: Function) -> None:
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end and function.process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, function.port), timeout=1):
                return
            time.sleep(0.05)
        raise RuntimeError(f"function {function.name} does not come up:\n{function.log.read_text('utf-8')[-2000:]}")


def serve(arguments: Iterable[str], *, python: Path, log: IO[bytes]) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """Start `python -m localcloud serve ARGUMENTS`; the process and the line it printed."""
    root = Path(__file__).resolve().parent.parent
    process = subprocess.Popen(
        [str(python), "-m", "localcloud", "serve", *arguments], cwd=root, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=log, start_new_session=True,
    )  # fmt: skip
    line = process.stdout.readline() if process.stdout else b""
    if not line:
        raise RuntimeError(f"the stand-in does not come up (exit status {process.wait(10)}); see its log")
    return process, json.loads(line)
