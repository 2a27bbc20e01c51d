"""The two files that permissions stand in: what Google asks for, and what Terraform gives."""

from __future__ import annotations

import re
from typing import Any

import pytest

from localcloud import access
from localcloud.deployment import DEAD_LETTERS, SUBSCRIPTIONS
from tests.permissions import roles

MAY_BE_SAID = {"compute.instances.setTags"}  # which a build's machine has not
PERMISSION = re.compile(r"[a-z]+\.[A-Za-z]+\.[A-Za-z]+")
ROLES = roles.written()["functions"]
PEOPLE = roles.written()["people"]


def lists() -> dict[str, list[str]]:
    found = {f"{name}.{kind}": role[kind] for name, role in {**ROLES, **PEOPLE}.items() for kind in ("store", "fleet")}
    return {**found, "builder": roles.written()["builder"]}


@pytest.mark.parametrize("where", lists())
def test_a_role_lists_its_permissions_once_in_order_and_no_wildcard(where: str) -> None:
    given = lists()[where]
    assert given == sorted(set(given))
    assert all(PERMISSION.fullmatch(each) for each in given)
    assert all(each.startswith("datastore.") == where.endswith(".store") for each in given)


def test_every_function_has_a_role_that_names_only_what_is_there() -> None:
    assert set(roles.FUNCTIONS) == ROLES.keys()
    topics = {each.topic for each in SUBSCRIPTIONS} | {DEAD_LETTERS}
    for role in (*ROLES.values(), *PEOPLE.values()):
        assert role.keys() == {"store", "fleet", "publishes", "acts_as"}
        assert set(role["publishes"]) <= topics
        assert set(role["acts_as"]) <= roles.ACCOUNTS.keys()


def rules() -> list[Any]:
    return [
        pytest.param(f"{host} {method}", api["pages"] + rule["page"], rule, id=method)
        for host, api in access.table().items()
        for method, rule in api["methods"].items()
    ]


@pytest.mark.parametrize(("method", "page", "rule"), rules())
def test_what_a_method_asks_for_stands_on_a_page_of_googles(method: str, page: str, rule: Any) -> None:
    assert re.fullmatch(r"https://cloud\.google\.com/[\w./#-]+", page), method
    assert rule.keys() <= {"page", "needs", "with", "each"}
    asked = [*rule.get("needs", ()), *rule.get("with", {}).values(), *rule.get("each", {}).values()]
    assert asked
    assert all(PERMISSION.fullmatch(each) for each in asked), method


def test_nothing_is_given_that_no_method_asks_for_nor_a_line_kept_for_nobody() -> None:
    asked = {
        permission
        for api in access.table().values()
        for rule in api["methods"].values()
        for permission in (*rule.get("needs", ()), *rule.get("with", {}).values(), *rule.get("each", {}).values())
    }
    given = {permission for permissions in lists().values() for permission in permissions}
    assert given - asked == {"logging.logEntries.create"}  # of the build's own log
    assert asked - given == {"iam.serviceAccounts.actAs", "pubsub.topics.publish"} | MAY_BE_SAID
