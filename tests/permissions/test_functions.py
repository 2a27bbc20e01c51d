"""Each function may do what it does, and nothing else. Every flow is played with the stand-in holding the functions to
the roles that Terraform gives them; that the flows leave out nothing which the code can do is read from the code."""

from __future__ import annotations

import pytest

from tests.permissions import reach, roles
from tests.permissions.guarded import Seen

pytestmark = pytest.mark.slow

NOTHING: dict[str, list[str]] = {"lack": [], "surplus": []}


def test_nobody_is_refused_anything(seen: Seen) -> None:
    assert sorted(seen.denied) == []


@pytest.mark.parametrize("function", roles.FUNCTIONS)
def test_a_role_has_no_surplus_and_no_lack(function: str, seen: Seen) -> None:
    may, needed = roles.of_function(function), seen.uses.get(function, set())
    assert {"lack": sorted(map(str, needed - may)), "surplus": sorted(map(str, may - needed))} == NOTHING


@pytest.mark.parametrize("function", roles.FUNCTIONS)
def test_the_flows_make_every_call_that_a_function_can_make(function: str, seen: Seen) -> None:
    can, made = reach.reached(function), seen.calls.get(function, set())
    assert sorted(can - made) == [], "give these calls a flow in tests/permissions/flows.py"
    assert sorted(made - can) == [], "tests/permissions/reach.py misses a way to these calls"
    assert reach.strays(function) == []
