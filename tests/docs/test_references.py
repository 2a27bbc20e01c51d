"""The pages that the code writes are as the code has it, and leave nothing out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from localcloud.deployment import SUBSCRIPTIONS
from poolwright.rollouts.rollout import Phase
from tools import reference


@pytest.mark.parametrize("name", reference.pages())
def test_a_page_is_as_the_code_has_it(name: str) -> None:
    written = (reference.FOLDER / name).read_text("utf-8")
    assert written == reference.pages()[name]() + reference.MADE, "run make references"


def test_every_variable_that_the_code_reads_is_on_the_page() -> None:
    sources = [*Path("shared").rglob("*.py"), *Path("functions").glob("*.py")]
    read = {name for path in sources for name in re.findall(r"\bPOOLWRIGHT_[A-Z_]+\b", path.read_text("utf-8"))}
    page = reference.variables()
    assert "POOLWRIGHT_STORE" in read
    missing = {name for name in read if name not in page}
    assert not missing, f"settings.py's table does not tell of {', '.join(sorted(missing))}"


def test_the_diagram_of_a_rollout_has_each_of_its_phases() -> None:
    diagram = Path("docs/architecture.md").read_text("utf-8").partition("stateDiagram-v2")[2].partition("```")[0]
    drawn = {
        name.replace("_", " ")
        for name in re.findall(r"\b([a-z_]+)(?= -->|:|$)", re.sub(r":.*", "", diagram), re.MULTILINE)
    }
    assert drawn == set(get_args(Phase))


def test_every_topic_that_is_heard_has_a_publisher_and_a_shape() -> None:
    assert set(reference.TOPICS) == {each.topic for each in SUBSCRIPTIONS}
