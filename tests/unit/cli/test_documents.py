"""docs/output-json.md says what programs get: exactly the documents' types."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from poolwright.cli import auth, build, reference, stop
from poolwright.services import ask_rollout, boot_images, node_pools, plan_groups, rollout_seen, status, tidy
from poolwright.services import reference as reference_service
from poolwright.services.doctor import findings

PAGE = Path(__file__).resolve().parents[3] / "docs" / "output-json.md"
TYPES: dict[str, Any] = {
    "plan": plan_groups.Plan,
    "status": status.Statuses,
    "images": boot_images.Images,
    "pools": node_pools.Pools,
    "rollout status": rollout_seen.RolloutSeen,
    "rollout start": ask_rollout.Asked,
    "build": build.Asked,
    "reference create": reference_service.Status,
    "reference check": reference_service.Check,
    "reference fetch": reference.Kept,
    "tidy": tidy.Tidied,
    "auth": auth.Access,
    "stop": stop.State,
    "doctor": findings.Report,
}
EXAMPLES = dict(
    re.findall(r"^## poolwright (.+?)$.*?^```json\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
)


def test_the_page_shows_every_document() -> None:
    assert set(EXAMPLES) == set(TYPES)


@pytest.mark.parametrize("name", TYPES)
def test_an_example_has_every_field_of_its_document_and_no_other(name: str) -> None:
    example = json.loads(EXAMPLES[name])
    assert json.loads(msgspec.json.encode(msgspec.convert(example, TYPES[name]))) == example
