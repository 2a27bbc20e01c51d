"""PROACTIVE groups really replace their members, within maxSurge and maxUnavailable."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.contract.compute.conftest import PROJECT, WHERE, ZONE, Cloud, template

PATH = f"projects/{PROJECT}/zones/{ZONE}/instanceGroupManagers/pool"


def made_from(cloud: Cloud) -> Counter[str]:
    listed = cloud.groups.list_managed_instances(instance_group_manager="pool", **WHERE)
    return Counter(each.version.instance_template.rpartition("/")[2] for each in listed)


@pytest.fixture
def grown(cloud: Cloud) -> Cloud:
    cloud.do(cloud.compute.insert_instance_template, template("other", machineType="e2-small"))
    cloud.group("pool", 4)
    cloud.advance(300)
    return cloud


def roll(cloud: Cloud, **policy: Any) -> tuple[int, int]:
    """Start a rolling update; the most instances at once and the fewest up while it went on."""
    versions = [{"instanceTemplate": "global/instanceTemplates/other"}]
    cloud.raw("PATCH", PATH, {"versions": versions, "updatePolicy": {"type": "PROACTIVE", **policy}})
    most, fewest = 0, 4
    for _ in range(200):
        cloud.advance(5)
        listed = list(cloud.groups.list_managed_instances(instance_group_manager="pool", **WHERE))
        staying = [each for each in listed if each.current_action != "DELETING"]
        most = max(most, len(staying))
        fewest = min(fewest, sum(each.current_action == "NONE" for each in listed))
    return most, fewest


@pytest.mark.parametrize(("surge", "unavailable"), [(1, 0), (0, 1), (2, 2), (4, 0)], ids=str)
def test_members_are_replaced_within_the_bounds(grown: Cloud, surge: int, unavailable: int) -> None:
    before = set(grown.members("pool"))
    most, fewest = roll(grown, maxSurge={"fixed": surge}, maxUnavailable={"fixed": unavailable})
    assert made_from(grown) == {"other": 4}
    assert most <= 4 + surge
    assert fewest >= 4 - unavailable
    assert not before & set(grown.members("pool"))
    assert grown.shown("pool").status.version_target.is_reached


def test_percentages_are_of_the_target_size(grown: Cloud) -> None:
    most, fewest = roll(grown, maxSurge={"percent": 50}, maxUnavailable={"percent": 0})
    assert made_from(grown) == {"other": 4}
    assert most <= 6
    assert fewest >= 4


def test_recreating_keeps_names(grown: Cloud) -> None:
    before = set(grown.members("pool"))
    _, fewest = roll(grown, replacementMethod="RECREATE", maxSurge={"fixed": 0}, maxUnavailable={"fixed": 1})
    assert made_from(grown) == {"other": 4}
    assert set(grown.members("pool")) == before
    assert fewest >= 3


def test_a_canary_version_gets_its_share(grown: Cloud) -> None:
    versions = [
        {"instanceTemplate": "global/instanceTemplates/small"},
        {"instanceTemplate": "global/instanceTemplates/other", "name": "canary", "targetSize": {"fixed": 1}},
    ]
    grown.raw("PATCH", PATH, {"versions": versions, "updatePolicy": {"type": "PROACTIVE"}})
    grown.advance(900)
    assert made_from(grown) == {"small": 3, "other": 1}
    group = grown.shown("pool")
    assert [each.target_size.calculated for each in group.versions] == [3, 1]
    assert group.instance_template.endswith("/small")


def test_a_proactive_group_takes_a_later_template_by_itself(grown: Cloud) -> None:
    roll(grown)
    grown.raw("PATCH", PATH, {"instanceTemplate": "global/instanceTemplates/small"})
    grown.advance(1500)
    assert made_from(grown) == {"small": 4}


def test_own_names_are_refused_while_a_group_substitutes(grown: Cloud) -> None:
    roll(grown)
    _, begun = grown.raw("POST", f"{PATH}/createInstances", {"instances": [{"name": "mine"}]})
    grown.advance(10)
    _, done = grown.raw("GET", begun["selfLink"].partition("/v1/")[2])
    assert (done["status"], done["httpErrorStatusCode"]) == ("DONE", 412)
    assert done["error"]["errors"][0]["code"] == "CONDITION_NOT_MET"
    assert "mine" not in grown.members("pool")


def test_a_rolling_restart_keeps_the_instances(grown: Cloud) -> None:
    before = {each["name"]: each["id"] for each in grown.do(grown.compute.instances_of, ZONE, "pool")}
    versions = [{"instanceTemplate": "global/instanceTemplates/small", "name": "again"}]
    policy = {"type": "PROACTIVE", "minimalAction": "RESTART", "maxUnavailable": {"fixed": 1}}
    grown.raw("PATCH", PATH, {"versions": versions, "updatePolicy": policy})
    assert sorted(grown.members("pool").values()) == ["NONE", "NONE", "NONE", "RESTARTING"]
    grown.advance(900)
    after = {each["name"]: each["id"] for each in grown.do(grown.compute.instances_of, ZONE, "pool")}
    assert after == before
    assert grown.shown("pool").status.version_target.is_reached
    listed = grown.groups.list_managed_instances(instance_group_manager="pool", **WHERE)
    assert {each.version.name for each in listed} == {"again"}
