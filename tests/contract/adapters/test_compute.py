"""The Compute adapter against the stand-in."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from localcloud.compute import Compute as StandIn
from poolwright.adapters.compute import ComputeEngine
from poolwright.adapters.google_access import GoogleAccess
from poolwright.references import GroupRef
from poolwright.services.ports import InUse, Missing, Stale
from tests.contract.conftest import Served

PROJECT, ZONE = "demo-project", "us-central1-a"
GROUP = GroupRef(PROJECT, ZONE, "pool")
BOOT = {"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": f"projects/{PROJECT}/global/images/one"}}
PROPERTIES = {
    "machineType": "e2-medium",
    "disks": [BOOT],
    "networkInterfaces": [{"network": "global/networks/default"}],
    "metadata": {"items": [{"key": "kube-env", "value": 'A: "b"\nC: d: e'}]},
}


class Cloud:
    """The stand-in with one image, template and group of two, and the adapter on it."""

    def __init__(self, served: Served) -> None:
        stand_in = served.call(StandIn, served.world)
        served.serve(stand_in.api())
        self.adapter = ComputeEngine(GoogleAccess(served.endpoints))
        image = {"name": "one", "family": "boot", "diskSizeGb": "10", "sourceType": "RAW"}
        served.call(stand_in.insert_image, image)
        served.call(stand_in.insert_instance_template, {"name": "first", "properties": PROPERTIES})
        group = {"name": "pool", "targetSize": 2, "instanceTemplate": link("first")}
        served.call(stand_in.insert_instance_group_manager, ZONE, group)

        self._served = served
        self._stand_in = stand_in

    def now(self) -> float:
        """The stand-in's time."""
        return float(self._served.world.simulation.now())

    def reserve(self, body: dict[str, Any]) -> None:
        """Somebody makes a reservation."""
        self._served.call(self._stand_in.insert_reservation, ZONE, body)

    def members(self) -> list[str]:
        return sorted(member["instance"].rpartition("/")[2] for member in self.adapter.members(GROUP))

    def settled(self) -> list[str]:
        """Members, once none is on its way in or out."""
        deadline = time.monotonic() + 20
        while any(member["currentAction"] != "NONE" for member in self.adapter.members(GROUP)):
            assert time.monotonic() < deadline, "members do not settle"
            time.sleep(0.02)
        return self.members()


def link(template: str, *, scope: str = "global") -> str:
    return f"projects/{PROJECT}/{scope}/instanceTemplates/{template}"


def fresh() -> str:
    return str(uuid.uuid4())


@pytest.fixture(autouse=True)
def no_credentials_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)


@pytest.fixture
def cloud(served: Callable[..., Served]) -> Cloud:
    return Cloud(served(speed=3_000))


def test_a_group_is_read_as_rest_prints_it(cloud: Cloud) -> None:
    group = cloud.adapter.group(GROUP)
    assert (group["name"], group["targetSize"]) == ("pool", 2)
    assert group["instanceTemplate"].endswith(link("first"))
    assert isinstance(group["id"], str)
    assert group["fingerprint"]
    assert [each["selfLink"] for each in cloud.adapter.groups(PROJECT)] == [group["selfLink"]]


@pytest.mark.parametrize(
    "read",
    [
        lambda adapter: adapter.group(GroupRef(PROJECT, ZONE, "other")),
        lambda adapter: adapter.members(GroupRef(PROJECT, ZONE, "other")),
        lambda adapter: adapter.template(link("other")),
        lambda adapter: adapter.image(PROJECT, "other"),
    ],
)
def test_what_is_not_there_is_missing(cloud: Cloud, read: Callable[[ComputeEngine], Any]) -> None:
    with pytest.raises(Missing, match="other"):
        read(cloud.adapter)


def insert(adapter: ComputeEngine, body: dict[str, Any], *, region: str | None, request_id: str) -> None:
    """Begin to make a template, and wait until it is there."""
    if operation := adapter.begin_template(PROJECT, body, region=region, request_id=request_id):
        adapter.finish_template(operation)


@pytest.mark.parametrize(("region", "scope"), [(None, "global"), ("us-central1", "regions/us-central1")])
def test_a_template_is_there_once_inserted_and_inserting_it_again_is_fine(
    cloud: Cloud, region: str | None, scope: str
) -> None:
    body = {"name": "second", "description": '{"by": "poolwright"}', "properties": PROPERTIES}
    for _ in range(2):
        insert(cloud.adapter, body, region=region, request_id=fresh())
    found = cloud.adapter.template(f"https://www.googleapis.com/compute/v1/{link('second', scope=scope)}")
    assert found["description"] == '{"by": "poolwright"}'
    assert found["properties"]["metadata"]["items"] == PROPERTIES["metadata"]["items"]  # type: ignore[index]


def test_templates_are_found_by_the_beginning_of_their_name(cloud: Cloud) -> None:
    for name in ("gke-a-1", "gke-a-2", "gke-b-1", "not-gke-a-1"):
        insert(cloud.adapter, {"name": name, "properties": PROPERTIES}, region=None, request_id=fresh())
    found = cloud.adapter.templates(PROJECT, name_prefix="gke-a-")
    assert sorted(template["name"] for template in found) == ["gke-a-1", "gke-a-2"]
    assert found[0]["properties"]["machineType"] == "e2-medium"


def test_templates_in_brief_are_those_of_all_places_without_what_they_hold(cloud: Cloud) -> None:
    body = {"name": "second", "description": "of tomorrow", "properties": PROPERTIES}
    insert(cloud.adapter, body, region="us-central1", request_id=fresh())
    found = {each["name"]: each for each in cloud.adapter.templates_in_brief(PROJECT)}
    assert found.keys() == {"first", "second"}
    assert found["second"]["description"] == "of tomorrow"
    assert found["second"]["region"].endswith("us-central1")
    (disk,) = found["second"]["properties"].pop("disks")
    assert disk.keys() == {"initializeParams"}
    assert disk["initializeParams"]["sourceImage"].endswith("/one")
    assert found["second"]["properties"] == {}


def test_disks_in_brief_say_what_image_they_were_made_of(cloud: Cloud) -> None:
    cloud.settled()
    disks = list(cloud.adapter.disks_in_brief(PROJECT))
    assert len(disks) == 2
    assert {each["sourceImage"].rpartition("/")[2] for each in disks} == {"one"}


@pytest.mark.parametrize(("region", "scope"), [(None, "global"), ("us-central1", "regions/us-central1")])
def test_a_template_is_gone_once_deleted_and_deleting_it_again_is_fine(
    cloud: Cloud, region: str | None, scope: str
) -> None:
    body = {"name": "second", "properties": PROPERTIES}
    insert(cloud.adapter, body, region=region, request_id=fresh())
    for _ in range(2):
        cloud.adapter.delete_template(link("second", scope=scope), request_id=fresh())
    with pytest.raises(Missing):
        cloud.adapter.template(link("second", scope=scope))


def test_a_template_that_a_group_needs_stays(cloud: Cloud) -> None:
    with pytest.raises(InUse, match="pool"):
        cloud.adapter.delete_template(link("first"), request_id=fresh())
    assert cloud.adapter.template(link("first"))["name"] == "first"


def test_an_image_is_gone_once_deleted_and_deleting_it_again_is_fine(cloud: Cloud) -> None:
    for _ in range(2):
        cloud.adapter.delete_image(PROJECT, "one", request_id=fresh())
    with pytest.raises(Missing):
        cloud.adapter.image(PROJECT, "one")


def test_a_group_gets_a_template_under_its_fingerprint_and_only_then(cloud: Cloud) -> None:
    adapter = cloud.adapter
    insert(adapter, {"name": "second", "properties": PROPERTIES}, region=None, request_id=fresh())
    before = adapter.group(GROUP)
    patch = {
        "fingerprint": before["fingerprint"],
        "instanceTemplate": link("second"),
        "versions": [{"instanceTemplate": link("second")}],
    }
    adapter.patch_group(GROUP, patch, request_id=fresh())
    after = adapter.group(GROUP)
    assert after["instanceTemplate"].endswith(link("second"))
    assert after["updatePolicy"] == before["updatePolicy"]
    with pytest.raises(Stale):
        adapter.patch_group(GROUP, patch, request_id=fresh())


def test_a_repeated_request_id_is_one_write(cloud: Cloud) -> None:
    same = fresh()
    for _ in range(2):
        cloud.adapter.create_instances(GROUP, ["pool-ours"], request_id=same)
    assert "pool-ours" in cloud.members()
    assert cloud.adapter.group(GROUP)["targetSize"] == 3


def test_chosen_members_are_deleted_the_target_falls_and_a_repeat_is_harmless(cloud: Cloud) -> None:
    gone, stays = cloud.settled()
    cloud.adapter.delete_instances(GROUP, [gone], request_id=fresh())
    assert cloud.adapter.group(GROUP)["targetSize"] == 1
    assert cloud.settled() == [stays]
    cloud.adapter.delete_instances(GROUP, [gone], request_id=fresh())
    assert cloud.adapter.group(GROUP)["targetSize"] == 1


def test_an_image_is_found_by_name_and_family(cloud: Cloud) -> None:
    image = cloud.adapter.image(PROJECT, "one")
    assert (image["status"], image["diskSizeGb"]) == ("READY", "10")
    assert cloud.adapter.images(PROJECT, family="boot") == [image]
    assert cloud.adapter.images(PROJECT, family="other") == []


def test_members_are_made_anew_from_the_current_template_under_their_names(cloud: Cloud) -> None:
    first, second = cloud.settled()
    body = {"name": "second", "properties": {**PROPERTIES, "machineType": "e2-standard-2"}}
    insert(cloud.adapter, body, region=None, request_id=fresh())
    group = cloud.adapter.group(GROUP)
    patch = {"fingerprint": group["fingerprint"], "instanceTemplate": link("second")}
    patch["versions"] = [{"instanceTemplate": link("second")}]
    cloud.adapter.patch_group(GROUP, patch, request_id=fresh())
    before = {member["instance"]: member["id"] for member in cloud.adapter.members(GROUP)}
    cloud.adapter.recreate_instances(GROUP, [first], request_id=fresh())
    assert cloud.settled() == [first, second]
    after = {member["instance"].rpartition("/")[2]: member for member in cloud.adapter.members(GROUP)}
    assert after[first]["version"]["instanceTemplate"].endswith("/second")
    assert after[first]["id"] != before[after[first]["instance"]], "another VM has the name"
    assert after[second]["id"] == before[after[second]["instance"]]


def test_boot_disks_tell_which_vms_were_made_of_an_image(cloud: Cloud) -> None:
    first, second = cloud.settled()
    image = cloud.adapter.image(PROJECT, "one")["selfLink"]
    disks = cloud.adapter.boot_disks(PROJECT, image=image)
    users = sorted(user.rpartition("/")[2] for disk in disks for user in disk["users"])
    assert users == [first, second]
    assert all(disk["creationTimestamp"] for disk in disks)
    assert not cloud.adapter.boot_disks(PROJECT, image=image.replace("/one", "/another"))


def test_reservations_are_read_of_all_zones_and_one_by_its_name(cloud: Cloud) -> None:
    properties = {"machineType": "e2-medium"}
    body = {"name": "kept", "specificReservation": {"count": "3", "instanceProperties": properties}}
    cloud.settled()
    cloud.reserve(body)
    (listed,) = cloud.adapter.reservations(PROJECT)
    one = cloud.adapter.reservation(PROJECT, ZONE, "kept")
    assert listed == one
    assert one["specificReservation"] == {
        "count": "3", "assuredCount": "3", "inUseCount": "0", "instanceProperties": properties,
    }  # fmt: skip
    assert cloud.adapter.reservations(PROJECT).unreachable == frozenset()
    with pytest.raises(Missing):
        cloud.adapter.reservation(PROJECT, ZONE, "other")


def test_a_vm_tells_when_it_was_started(cloud: Cloud) -> None:
    (first, _) = cloud.settled()
    member = next(each for each in cloud.adapter.members(GROUP) if each["instance"].endswith(first))
    assert member["instanceStatus"] == "RUNNING"
    assert abs(cloud.adapter.started(GROUP, first) - cloud.now()) < 24 * 3600
    with pytest.raises(Missing):
        cloud.adapter.started(GROUP, "nobody")
