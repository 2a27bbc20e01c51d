"""Managed instance groups themselves, as the Python client sees them."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import compute_v1

from tests.contract.compute.conftest import PROJECT, WHERE, ZONE, Cloud, template

SMALL = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/instanceTemplates/small"
OTHER = f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/instanceTemplates/other"
PATH = f"projects/{PROJECT}/zones/{ZONE}/instanceGroupManagers"


@pytest.fixture
def two(cloud: Cloud) -> Cloud:
    """A group of three on `small`, and another template."""
    cloud.do(cloud.compute.insert_instance_template, template("other"))
    cloud.group("pool", 3)
    cloud.advance(300)
    return cloud


def test_a_client_that_waits_gets_a_stable_group(fast: Cloud) -> None:
    body = compute_v1.InstanceGroupManager(
        name="pool", target_size=2, instance_template="global/instanceTemplates/small"
    )
    fast.groups.insert(instance_group_manager_resource=body, **WHERE).result(timeout=30)
    fast.until(lambda: fast.shown("pool").status.is_stable)
    listed = list(fast.groups.list_managed_instances(instance_group_manager="pool", **WHERE))
    assert [(each.current_action, each.instance_status) for each in listed] == [("NONE", "RUNNING")] * 2


def test_an_empty_message_that_was_sent_does_not_come_back(cloud: Cloud) -> None:
    body = {
        "name": "plain",
        "targetSize": 0,
        "instanceTemplate": "global/instanceTemplates/small",
        "resourcePolicies": {},
    }
    assert cloud.raw("POST", PATH, body)[0] == 200
    assert "resourcePolicies" not in cloud.raw("GET", f"{PATH}/plain")[1]


def test_a_group_counts_what_its_members_do(cloud: Cloud) -> None:
    cloud.group("pool", 2)
    young = cloud.shown("pool")
    assert (young.current_actions.creating, young.current_actions.none, young.status.is_stable) == (2, 0, False)
    cloud.advance(300)
    grown = cloud.shown("pool")
    assert (grown.current_actions.creating, grown.current_actions.none, grown.status.is_stable) == (0, 2, True)
    assert grown.instance_group.endswith(f"/zones/{ZONE}/instanceGroups/pool")
    assert grown.zone == f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/zones/{ZONE}"


@pytest.mark.parametrize(
    "reference",
    [
        "global/instanceTemplates/other",
        f"projects/{PROJECT}/global/instanceTemplates/other",
        "projects/314159265358/global/instanceTemplates/other",
        f"https://compute.googleapis.com/compute/v1/projects/{PROJECT}/global/instanceTemplates/other",
        f"https://www.googleapis.com/compute/beta/projects/{PROJECT}/global/instanceTemplates/other",
    ],
)
def test_a_reference_is_taken_in_every_form_google_takes(two: Cloud, reference: str) -> None:
    two.groups.patch(
        instance_group_manager="pool",
        instance_group_manager_resource=compute_v1.InstanceGroupManager(instance_template=reference),
        **WHERE,
    )
    assert two.shown("pool").instance_template == OTHER


def test_a_bare_template_name_is_malformed(two: Cloud) -> None:
    body = compute_v1.InstanceGroupManager(instance_template="other")
    with pytest.raises(exceptions.BadRequest, match="The URL is malformed"):
        two.groups.patch(instance_group_manager="pool", instance_group_manager_resource=body, **WHERE)


def test_a_patch_keeps_template_and_versions_in_step(two: Cloud) -> None:
    body = compute_v1.InstanceGroupManager(versions=[{"instance_template": OTHER, "name": "new"}])
    two.groups.patch(instance_group_manager="pool", instance_group_manager_resource=body, **WHERE)
    group = two.shown("pool")
    assert group.instance_template == OTHER
    assert [(each.instance_template, each.name) for each in group.versions] == [(OTHER, "new")]
    two.groups.set_instance_template(
        instance_group_manager="pool",
        instance_group_managers_set_instance_template_request_resource={"instance_template": SMALL},
        **WHERE,
    )
    group = two.shown("pool")
    assert (group.instance_template, [each.instance_template for each in group.versions]) == (SMALL, [SMALL])


def test_a_patch_under_a_stale_fingerprint_is_refused_and_changes_nothing(two: Cloud) -> None:
    before = two.shown("pool")
    status, _ = two.raw("PATCH", f"{PATH}/pool", {"instanceTemplate": OTHER, "fingerprint": before.fingerprint})
    assert status == 200
    status, answer = two.raw("PATCH", f"{PATH}/pool", {"instanceTemplate": SMALL, "fingerprint": before.fingerprint})
    assert status == 412
    assert answer["error"]["errors"][0] == {
        "message": "Invalid fingerprint.",
        "domain": "global",
        "reason": "conditionNotMet",
        "location": "If-Match",
        "locationType": "header",
    }
    assert two.shown("pool").instance_template == OTHER


def test_a_null_in_a_patch_removes(two: Cloud) -> None:
    two.raw("PATCH", f"{PATH}/pool", {"description": "mine", "updatePolicy": {"maxSurge": {"fixed": 3}}})
    assert two.shown("pool").description == "mine"
    two.raw("PATCH", f"{PATH}/pool", {"description": None, "updatePolicy": {"maxSurge": None}})
    group = two.shown("pool")
    assert (group.description, group.update_policy.max_surge.fixed) == ("", 1)


def test_a_patch_of_the_policy_leaves_the_rest_of_it(two: Cloud) -> None:
    two.raw("PATCH", f"{PATH}/pool", {"updatePolicy": {"minimalAction": "RESTART", "maxUnavailable": {"fixed": 2}}})
    two.raw("PATCH", f"{PATH}/pool", {"updatePolicy": {"maxSurge": {"fixed": 0}}})
    policy = two.shown("pool").update_policy
    assert (policy.minimal_action, policy.max_unavailable.fixed, policy.max_surge.fixed) == ("RESTART", 2, 0)
    assert policy.type_ == "OPPORTUNISTIC"


def test_a_patch_to_a_template_that_is_not_there_is_not_found(two: Cloud) -> None:
    status, answer = two.raw("PATCH", f"{PATH}/pool", {"instanceTemplate": "global/instanceTemplates/none"})
    assert status == 404
    assert "'projects/demo-project/global/instanceTemplates/none' was not found" in answer["error"]["message"]


def test_a_group_is_gone_only_when_its_members_are(two: Cloud) -> None:
    _, operation = two.raw("DELETE", f"{PATH}/pool")
    assert two.members("pool")
    two.advance(5)
    running = two.raw("GET", operation["selfLink"].partition("/v1/")[2])[1]
    assert running["status"] == "RUNNING"
    two.advance(300)
    done = two.raw("GET", operation["selfLink"].partition("/v1/")[2])[1]
    assert (done["status"], done["progress"]) == ("DONE", 100)
    with pytest.raises(exceptions.NotFound):
        two.shown("pool")
    assert not list(two.client(compute_v1.InstancesClient).list(**WHERE))


def test_a_group_that_is_there_is_not_made_again(two: Cloud) -> None:
    body = compute_v1.InstanceGroupManager(name="pool", target_size=1, instance_template=SMALL)
    with pytest.raises(exceptions.Conflict, match="already exists"):
        two.groups.insert(instance_group_manager_resource=body, **WHERE)


def test_an_unknown_zone_and_an_unknown_project_are_refused(cloud: Cloud) -> None:
    status, answer = cloud.raw("GET", f"projects/{PROJECT}/zones/mars-1/instanceGroupManagers")
    assert (status, answer["error"]["message"]) == (400, "Invalid value for field 'zone': 'mars-1'. Unknown zone.")
    status, answer = cloud.raw("GET", f"projects/nobody/zones/{ZONE}/instanceGroupManagers")
    assert (status, answer["error"]["message"]) == (404, "The resource 'projects/nobody' was not found")


def test_the_instance_group_behind_it_lists_its_instances(two: Cloud) -> None:
    groups = two.client(compute_v1.InstanceGroupsClient)
    assert groups.get(instance_group="pool", **WHERE).size == 3
    listed = list(
        groups.list_instances(
            instance_group="pool",
            instance_groups_list_instances_request_resource={"instance_state": "RUNNING"},
            **WHERE,
        )
    )
    assert [each.status for each in listed] == ["RUNNING"] * 3


def test_a_method_that_is_not_here_says_so(cloud: Cloud) -> None:
    status, answer = cloud.raw("GET", f"projects/{PROJECT}/global/urlMaps")
    assert status == 501
    assert "url_maps.List" in answer["error"]["message"]


@pytest.mark.parametrize(
    "policy",
    [
        {"type": "EAGER"},
        {"minimalAction": "SHAKE"},
        {"maxSurge": {"fixed": 0}, "maxUnavailable": {"fixed": 0}},
        {"maxSurge": {"fixed": -1}},
        {"replacementMethod": "RECREATE", "maxSurge": {"fixed": 1}},
        {"maxSurge": {"percent": "many"}},
    ],
    ids=str,
)
def test_a_policy_that_cannot_be_is_refused_and_changes_nothing(two: Cloud, policy: dict[str, object]) -> None:
    before = two.raw("GET", f"{PATH}/pool")[1]
    status, answer = two.raw("PATCH", f"{PATH}/pool", {"description": "changed", "updatePolicy": policy})
    assert (status, "Invalid value" in answer["error"]["message"]) == (400, True)
    assert two.raw("GET", f"{PATH}/pool")[1] == before
