"""How hypothesis looks for counter-examples: no law is about time, so no example has a deadline. And what tests of any
folder may share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.real_stack import RealStack

settings.register_profile("laws", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("laws"), derandomize=True)  # what fails is what changed, not luck
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "laws"))


@pytest.fixture(scope="session")
def real_stack() -> Iterator[RealStack]:
    """The stand-in on a real control plane, with one pool of two GPU nodes; for tests marked `kubernetes`."""
    from localcloud.control_plane import BINARY
    from tests.real_stack import running

    if not BINARY.exists():
        pytest.skip("there is no real control plane here: make kubernetes builds it")

    with running() as stack:
        yield stack
