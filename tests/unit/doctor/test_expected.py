"""What the doctor expects is what Terraform makes, and what the stand-in's deployment is."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from localcloud.deployment import DEAD_LETTERS
from localcloud.deployment import SUBSCRIPTIONS as DEPLOYED
from poolwright.services.doctor import expected, permissions

MODULE = Path(__file__).resolve().parents[3] / "terraform" / "modules" / "poolwright"
ROLES = yaml.safe_load((MODULE / "permissions.yaml").read_text("utf-8"))["functions"]


def of_terraform(name: str) -> set[str]:
    """The strings of a `name = toset([...])`."""
    found = re.search(rf"{name} = toset\(\[(.*?)\]\)", (MODULE / "apis.tf").read_text("utf-8"), re.DOTALL)
    assert found is not None
    return set(re.findall(r'"([^"]+)"', found[1]))


def test_the_apis_are_those_that_terraform_enables() -> None:
    assert of_terraform("own_apis") == expected.OWN_APIS
    assert of_terraform("fleet_apis") == expected.FLEET_APIS


def test_the_subscriptions_are_those_that_are_deployed() -> None:
    assert [(each.topic, each.function) for each in expected.SUBSCRIPTIONS] == [
        (each.topic, each.function) for each in DEPLOYED
    ]
    assert expected.DEAD_LETTERS == DEAD_LETTERS
    for wanted, deployed in zip(expected.SUBSCRIPTIONS, DEPLOYED, strict=True):
        assert bool(wanted.passes) == bool(deployed.filter)
        assert all(each in deployed.filter for each in wanted.passes)


def test_topics_of_each_project_are_those_that_terraform_makes_elsewhere() -> None:
    text = (MODULE / "main.tf").read_text("utf-8")
    found = re.search(r"setproduct\(\[(.*?)\], local.other_projects\)", text)
    assert found is not None
    names = set(re.findall(r'"([^"]+)"', found[1]))
    assert {each.topic for each in DEPLOYED if each.name in names} == {
        each.topic for each in expected.SUBSCRIPTIONS if each.everywhere
    }


def test_no_function_is_expected_to_have_what_its_role_has_not() -> None:
    for function, wanted in permissions.FUNCTIONS.items():
        assert wanted <= set(ROLES[function]["fleet"]), function


def test_every_function_with_work_in_the_fleet_is_looked_at() -> None:
    at_work = {name for name, role in ROLES.items() if role["fleet"]}
    assert at_work - {"status_page"} == set(permissions.FUNCTIONS)
