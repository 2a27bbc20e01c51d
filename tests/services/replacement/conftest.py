"""One world of two groups with two busy nodes each, and an environment for it that each test writes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.flows.world import NAME, PROJECT
from tests.chaos.ground import Ground
from tests.chaos.harness import Flow

Json = dict[str, Any]
Begin = Callable[..., contextlib.AbstractContextManager[Flow]]
WORLD = Path(__file__).parent / "world.yaml"


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """`with begin(rollout={...}) as flow:` a run from the beginning, under that rollout policy."""
    folder = tmp_path / "environments"
    folder.mkdir()
    with contextlib.ExitStack() as stack:

        def run(*, rollout: Json, **others: Any) -> contextlib.AbstractContextManager[Flow]:
            policy = {"waves": [1.0], "bakeSeconds": 120, "nodeReadySeconds": 600, **rollout}
            body = {
                "name": NAME,
                "project": PROJECT,
                "mode": "act",
                "clusters": [{"name": "serving", "location": "us-central1"}],
                "buildServiceAccount": f"image-builder@{PROJECT}.iam.gserviceaccount.com",
                "rollout": policy,
                **others,
            }
            (folder / f"{NAME}.yaml").write_text(json.dumps(body), "utf-8")
            ground = Ground(folder=tmp_path, world=WORLD, environments=folder)
            stack.callback(ground.close)
            return ground.flow()

        yield run
