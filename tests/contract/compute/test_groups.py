"""Managed instance groups, as the Python client sees them."""

from __future__ import annotations

from google.cloud import compute_v1

from tests.contract.compute.conftest import PROJECT, ZONE, Cloud

WHERE = {"project": PROJECT, "zone": ZONE}


def test_a_group_makes_its_members_and_says_when_it_is_stable(fast: Cloud) -> None:
    groups = fast.client(compute_v1.InstanceGroupManagersClient)
    body = compute_v1.InstanceGroupManager(
        name="pool", target_size=2, instance_template="global/instanceTemplates/small"
    )
    groups.insert(instance_group_manager_resource=body, **WHERE).result(timeout=30)
    fast.until(lambda: groups.get(instance_group_manager="pool", **WHERE).status.is_stable)
    members = list(groups.list_managed_instances(instance_group_manager="pool", **WHERE))
    assert [(each.current_action, each.instance_status) for each in members] == [("NONE", "RUNNING")] * 2
    assert all(each.name.startswith("pool-") and len(each.name) == len("pool-abcd") for each in members)
