"""As `test_kills`, where what nobody needs is taken away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.flows import Story
from tests.chaos.runs import Clean
from tests.chaos.test_kills import stories, survives_each_kind


@pytest.mark.slow
@stories(elsewhere={"collecting"})
def test_a_flow_survives_a_kill_at_each_kind_of_call_that_changes_something(
    story: Story, clean: Callable[[Story], Clean]
) -> None:
    survives_each_kind(story, clean)
