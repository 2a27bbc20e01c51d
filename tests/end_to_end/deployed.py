"""poolwright as it deploys, on a stand-in of its own: the pieces of the demo, without the person who watches."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from localcloud.demo.environment import BAKE_SECONDS
from localcloud.demo.screen import Row, Screen
from localcloud.demo.stage import Options, Stage, stage
from localcloud.demo.story import TooLong
from localcloud.deployment import DEAD_LETTERS
from poolwright import bootstrap
from poolwright.services.ports import Ports

ROOT = Path(__file__).resolve().parents[2]
WORLDS = ROOT / "localcloud" / "worlds"
PYTHON = ROOT / "build" / "functions-venv" / "bin" / "python"
COLLECTIONS = (
    "builds", "control", "drift", "environments", "hints", "intents", "leases", "provisioners", "records", "refusals",
    "retention", "rollouts", "runs", "targets",
)  # fmt: skip
PATIENCE_SECONDS = 120.0  # for any one thing: what comes at all comes on a busy machine too

Kind = Literal["embedded", "official"]
Json = dict[str, Any]


@dataclass(frozen=True)
class Letter:
    """A dead letter."""

    data: bytes
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class Deployed:
    """What runs, and how a test looks at it."""

    stage: Stage
    screen: Screen

    @property
    def project(self) -> str:
        return self.stage.story.cloud.project

    @property
    def ports(self) -> Ports:
        """poolwright's own ports, for the test's eyes."""
        return self.stage.story.ports

    def rows(self, act: Callable[[], None]) -> list[Row]:
        """Play an act of the demo; what it expected and found."""
        before = len(self.screen.rows)
        try:
            act()
        except TooLong as late:
            raise AssertionError(f"{late}; the timeline so far:\n{self.timeline()}") from None
        return self.screen.rows[before:]

    def timeline(self) -> str:
        """What the demo would have shown."""
        shown = self.screen.console.file
        return shown.getvalue() if isinstance(shown, StringIO) else ""

    # Pub/Sub

    def publish(self, topic: str, data: bytes, **attributes: str) -> str:
        """Publish as anybody may; the message id."""
        publisher = self.stage.story.cloud.publisher
        return str(publisher.publish(publisher.topic_path(self.project, topic), data, **attributes).result(timeout=30))

    def dead_letters(self) -> list[Letter]:
        """The messages in the dead-letter topic's subscription, which stay there."""
        found: dict[str, Json] = {}
        while received := self._dead_letters("pull", maxMessages=100, returnImmediately=True).get("receivedMessages"):
            found |= {each["message"]["messageId"]: each for each in received}
        if found:
            ids = [each["ackId"] for each in found.values()]
            self._dead_letters("modifyAckDeadline", ackIds=ids, ackDeadlineSeconds=0)
        return [
            Letter(base64.b64decode(each["message"].get("data", "")), each["message"].get("attributes", {}))
            for each in found.values()
        ]

    def _dead_letters(self, verb: str, **body: Any) -> Json:
        """By REST: the gRPC client takes no answer above 4 MB from an emulator."""
        base = self.stage.manifest["endpoints"]["pubsub.googleapis.com"]
        url = f"{base}/v1/projects/{self.project}/subscriptions/{DEAD_LETTERS}:{verb}"
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: Json = json.load(answer)
            return found

    # The functions

    def post(self, function: str, body: Json | bytes, **headers: str) -> tuple[int, str]:
        """Push a body to a function as Pub/Sub does; status and text of its answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            self.stage.deployment.functions[function].url,
            data=data,
            headers={"Content-Type": "application/json", **headers},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def log_text(self, function: str) -> str:
        """A function's whole output."""
        return self.stage.deployment.functions[function].log.read_text("utf-8")

    def lines(self, function: str, *, message_id: str = "") -> list[Json]:
        """A function's structured log lines for people, all or those about a message."""
        found = [json.loads(line) for line in self.log_text(function).splitlines() if line.startswith("{")]
        return [line for line in found if "metric" not in line and message_id in ("", labels(line).get("message_id"))]

    # The world and the store

    def documents(self) -> dict[str, dict[str, Json]]:
        """Everything in the store, by collection and key."""
        return {name: {each.key: each.body for each in self.ports.store.all(name)} for name in COLLECTIONS}

    def changes(self) -> list[Json]:
        """Calls that changed something at Google's or the clusters' APIs since `forget`; Pub/Sub's own left out."""
        return [
            call
            for call in self.control("GET", "/calls")
            if call["mutating"] and call["code"] < 400 and not call["host"].startswith(("pubsub", "oauth2"))
        ]

    def forget(self) -> None:
        """Begin a new log of calls."""
        self.control("DELETE", "/calls")

    def control(self, method: str, path: str, body: Json | None = None) -> Any:
        """Ask the stand-in what no Google API offers (localcloud/control.py)."""
        url = self.stage.manifest["endpoints"]["localcloud"] + path
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(urllib.request.Request(url, data=data, method=method), timeout=30) as answer:
            return json.load(answer)


def labels(line: Json) -> Mapping[str, str]:
    """A log line's labels."""
    found: Mapping[str, str] = line.get("logging.googleapis.com/labels", {})
    return found


def eventually(what: str, look: Callable[[], Any], *, patience: float = PATIENCE_SECONDS) -> Any:
    """What `look` finds once it finds something."""
    end = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < end, f"{what} did not come"
        time.sleep(0.05)
    return found


@contextmanager
def deployed(
    archive: Path,
    folder: Path,
    *,
    kind: Kind = "embedded",
    state: Path = WORLDS / "small.yaml",
    speed: float = 120.0,
    without: Sequence[str] = (),
    kubernetes: str = "embedded",
    bake_seconds: float = BAKE_SECONDS,
) -> Iterator[Deployed]:
    """A fresh world with poolwright deployed on it from `archive`; `without`: subscriptions left out."""
    assert PYTHON.exists(), f"{PYTHON} is missing: run `make setup`"
    screen = Screen(Console(file=StringIO(), width=200))
    options = Options(
        archive=archive, python=PYTHON, folder=folder, state=state, speed=speed, without=without, pubsub=kind,
        firestore=kind, kubernetes=kubernetes, patience=PATIENCE_SECONDS, bake_seconds=bake_seconds,
    )  # fmt: skip
    bootstrap._of_process.cache_clear()
    with stage(options, screen) as running:
        yield Deployed(running, screen)
