"""The real control plane starts by itself and lets in whom it was told of. Built by `make kubernetes`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from localcloud.control_plane import ADMIN, BINARY, ControlPlane

SOMEBODY = "step@my-project.iam.gserviceaccount.com"

pytestmark = pytest.mark.kubernetes


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    if not BINARY.exists():
        pytest.skip("there is no real control plane here: make kubernetes builds it")
    plane = ControlPlane(tmp_path_factory.mktemp("plane"), users={SOMEBODY: []})
    plane.start()
    yield plane
    plane.stop()


def test_its_administrator_may_do_everything_and_somebody_without_a_role_nothing(plane: ControlPlane) -> None:
    answers = {}
    for user in (ADMIN, SOMEBODY, "nobody"):
        headers = {"Authorization": f"Bearer {plane.tokens.get(user, 'made up')}"}
        answer = requests.get(f"{plane.url}/api/v1/nodes", headers=headers, verify=str(plane.ca_file), timeout=10)
        answers[user] = answer.status_code
    assert answers == {ADMIN: 200, SOMEBODY: 403, "nobody": 401}


def test_it_says_what_ended_it(tmp_path: Path) -> None:
    broken = tmp_path / "kubernetes"
    broken.write_text("#!/bin/sh\necho no disk >&2\nexit 3\n")
    broken.chmod(0o755)
    plane = ControlPlane(tmp_path / "plane", binary=broken)
    with pytest.raises(RuntimeError, match="etcd ended with 3; the end of its log:\nno disk"):
        plane.start()
    plane.stop()
