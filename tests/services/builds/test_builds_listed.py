"""What people see of an environment's builds."""

from __future__ import annotations

import pytest

from poolwright.builds.run import BY_HAND
from poolwright.services import builds
from poolwright.verdicts import Refused
from tests.services.builds.conftest import PROJECT, Cloud
from tests.services.builds.test_image_built import by_hand, take
from tests.services.builds.test_request_build import NEWER, SOURCE, ask


def test_builds_are_listed_with_their_state_whoever_submitted_them(cloud: Cloud) -> None:
    cloud.change(lambda: cloud.table("cloudBuild.failing").update({"one": {"tag": "run-1", "step": 0}}))
    ask(cloud)
    cloud.advance(300)
    take(cloud)
    ask(cloud)
    cloud.advance(300)
    take(cloud)
    mallory = f"projects/{PROJECT}/serviceAccounts/mallory@{PROJECT}.iam.gserviceaccount.com"
    by_hand(cloud, serviceAccount=mallory)
    cloud.advance(300)
    with pytest.raises(Refused):
        take(cloud)
    cloud.advance(10)
    by_hand(cloud)
    cloud.advance(10)
    ask(cloud, source=NEWER, requester="")

    found = builds.listed(cloud.ports(), cloud.environment).builds
    assert [(each.run_id, each.state, each.status, each.requester) for each in found] == [
        (43, "submitted", "QUEUED", ""),
        (42, "submitted", "WORKING", BY_HAND),
        (0, "refused", "SUCCESS", ""),
        (2, "built", "SUCCESS", "ada"),
        (1, "failed", "FAILURE", "ada"),
    ]
    assert [each.build_id for each in reversed(found)] == [build["id"] for build in cloud.builds]
    assert [each.image for each in found] == ["", "", "", "poolwright-dev-2", ""]
    assert "mallory" in found[2].reason
    assert found[4].reason.startswith("Build step failure")
    assert found[4].source_image == SOURCE
    assert all(each.log_url.startswith("https://console.cloud.google.com/cloud-build/builds") for each in found)


def test_a_run_outlives_cloud_builds_memory(cloud: Cloud) -> None:
    ask(cloud)
    cloud.advance(300)
    take(cloud)
    before = builds.listed(cloud.ports(), cloud.environment)
    cloud.advance(8 * 86400)
    assert builds.listed(cloud.ports(), cloud.environment) == before
