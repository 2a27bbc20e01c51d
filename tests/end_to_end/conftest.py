"""The deployment archive, and the kinds of emulators that a deployment runs on."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud import emulators
from tests.end_to_end.deployed import Kind
from tools import package

OFFICIAL_MISSING = "needs Google's Pub/Sub and Firestore emulators (gcloud components) and java"
BOTH = [pytest.param("embedded"), pytest.param("official", marks=[pytest.mark.official, pytest.mark.slow])]


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deployment archive of the sources as they are now."""
    return package.build(tmp_path_factory.mktemp("package") / "functions.zip")


@pytest.fixture(scope="module", params=BOTH)
def kind(request: pytest.FixtureRequest) -> Kind:
    """The embedded emulators, then Google's own: the same tests on both."""
    wanted: Kind = request.param
    if wanted == "official" and not (emulators.find_pubsub() and emulators.find_firestore()):
        pytest.skip(OFFICIAL_MISSING)
    return wanted
