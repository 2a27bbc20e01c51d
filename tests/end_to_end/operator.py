"""A person at a terminal: `poolwright` and `make` as processes, told by the variables that `serve` prints."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.end_to_end.serving import PROJECT, SMALL

ROOT = Path(__file__).resolve().parents[2]
VENV = Path(sys.executable).parent.parent
BASE = "gke-1335-gke1080000-cos-121-18867-199-88-c-pre"  # what the small world's pools boot
NEWER = "gke-1336-gke1200000-cos-121-18867-199-99-c-pre"
TOPICS = ("rollout-commands", "work", "notifications", "dead-letter")


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str


@dataclass(frozen=True)
class Operator:
    """`variables`: the whole environment of what is run."""

    variables: Mapping[str, str]

    def poolwright(self, *arguments: str, **variables: str) -> Said:
        """Run `poolwright ARGUMENTS`."""
        return self._run([sys.executable, "-m", "poolwright.cli", *arguments], variables)

    def json(self, *arguments: str) -> Any:
        """What a command that must succeed says to a program."""
        said = self.poolwright(*arguments, "--output", "json")
        assert said.status == 0, said.err
        return json.loads(said.out)

    def make(self, target: str, **variables: str) -> Said:
        """Run `make TARGET NAME=VALUE...` with this test's own virtual environment."""
        named = [f"{name}={value}" for name, value in variables.items()]
        return self._run(["make", "-s", "-o", f"{VENV}/.done", f"VENV={VENV}", target, *named], {})

    def _run(self, command: list[str], variables: Mapping[str, str]) -> Said:
        env = {**self.variables, "PYTHONPATH": str(ROOT / "shared"), **variables}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
        return Said(done.returncode, done.stdout, done.stderr)


def image(environment: str, run_id: int, *, base: str = BASE) -> dict[str, Any]:
    """A boot image, as a world file has it."""
    labels = {
        "poolwright-environment": environment,
        "poolwright-run-id": str(run_id),
        "poolwright-source-image": base,
        "poolwright-gke-version": "1-33-5-gke-1080000",
    }
    return {
        "name": f"poolwright-{environment}-{run_id}", "family": f"poolwright-{environment}", "diskSizeGb": 100,
        "labels": labels,
    }  # fmt: skip


def world(folder: Path, *images: dict[str, Any]) -> Path:
    """The small world with boot images; its file."""
    plan = yaml.safe_load(SMALL.read_text("utf-8"))
    path = folder / "world.yaml"
    path.write_text(yaml.safe_dump(plan | {"images": list(images)}), "utf-8")
    return path


def environment(folder: Path, name: str, **fields: Any) -> None:
    """An environment file of the small world's clusters."""
    clusters = [{"name": "serving", "location": "us-central1"}, {"name": "training", "location": "us-east4"}]
    body = {
        "name": name, "project": PROJECT, "mode": "act", "clusters": clusters,
        "buildServiceAccount": f"image-builder@{PROJECT}.iam.gserviceaccount.com",
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(body | fields), "utf-8")
