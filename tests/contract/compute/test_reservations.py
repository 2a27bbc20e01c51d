"""Reservations: what they keep free, and for whom."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import compute_v1

from tests.contract.compute.conftest import PROJECT, WHERE, ZONE, Cloud, template

PATH = f"projects/{PROJECT}/zones/{ZONE}/reservations"
BY_NAME = "compute.googleapis.com/reservation-name"
SMALL = {"machineType": "e2-medium"}


def reserve(cloud: Cloud, name: str = "r", *, count: int = 2, **said: Any) -> tuple[int, dict[str, Any]]:
    specific = {"count": str(count), "instanceProperties": said.pop("properties", SMALL)}
    return cloud.raw("POST", PATH, {"name": name, "specificReservation": specific, **said})


def shown(cloud: Cloud, name: str = "r") -> compute_v1.Reservation:
    client = cloud.client(compute_v1.ReservationsClient)
    return client.get(reservation=name, **WHERE)


def in_use(cloud: Cloud, name: str = "r") -> int:
    return int(shown(cloud, name).specific_reservation.in_use_count)


def stock(cloud: Cloud, count: int) -> None:
    cloud.world.table("compute.stock")[ZONE] = {"e2-medium": count}


def with_affinity(cloud: Cloud, kind: str, *values: str) -> str:
    """The name of a template whose VMs have this affinity."""
    affinity: dict[str, Any] = {"consumeReservationType": kind}
    affinity |= {"key": BY_NAME, "values": list(values)} if values else {}
    body = template(f"t-{kind.partition('_')[0].lower()}", reservationAffinity=affinity)
    cloud.do(cloud.compute.insert_instance_template, body)
    return str(body["name"])


def errors(cloud: Cloud, name: str = "pool") -> list[str]:
    listed = cloud.groups.list_errors(instance_group_manager=name, **WHERE)
    return [f"{each.error.code}: {each.error.message}" for each in listed]


def test_a_reservation_is_ready_and_tells_how_many_it_keeps(cloud: Cloud) -> None:
    status, operation = reserve(cloud)
    assert (status, operation["targetLink"].rpartition("/")[2]) == (200, "r")
    found = shown(cloud)
    specific = found.specific_reservation
    assert (found.status, found.specific_reservation_required, found.kind) == ("READY", False, "compute#reservation")
    assert (specific.count, specific.assured_count, specific.in_use_count) == (2, 2, 0)
    assert specific.instance_properties.machine_type == "e2-medium"


def test_a_machine_type_that_brings_gpus_reserves_them(cloud: Cloud) -> None:
    reserve(cloud, properties={"machineType": "g2-standard-12"})
    (gpus,) = shown(cloud).specific_reservation.instance_properties.guest_accelerators
    assert (gpus.accelerator_type, gpus.accelerator_count) == ("nvidia-l4", 1)


def test_a_reservation_may_be_made_of_a_template(cloud: Cloud) -> None:
    specific = {"count": "1", "sourceInstanceTemplate": f"projects/{PROJECT}/global/instanceTemplates/small"}
    assert cloud.raw("POST", PATH, {"name": "r", "specificReservation": specific})[0] == 200
    found = shown(cloud).specific_reservation
    assert found.instance_properties.machine_type == "e2-medium"
    assert found.source_instance_template.endswith("/instanceTemplates/small")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "r", "specificReservation": {"count": "0", "instanceProperties": SMALL}},
        {"name": "r", "specificReservation": {"count": "1", "instanceProperties": {"machineType": "nothing-like-it"}}},
        {"name": "R", "specificReservation": {"count": "1", "instanceProperties": SMALL}},
    ],
    ids=["of nothing", "of no machine", "without a good name"],
)
def test_a_reservation_that_cannot_be_is_refused(cloud: Cloud, body: dict[str, Any]) -> None:
    assert cloud.raw("POST", PATH, body)[0] == 400


def test_what_a_zone_does_not_have_cannot_be_reserved(cloud: Cloud) -> None:
    stock(cloud, 1)
    status, answer = reserve(cloud)
    assert (status, answer["error"]["errors"][0]["reason"]) == (503, "stockout")


def test_reservations_are_listed_by_zone_and_all_together(cloud: Cloud) -> None:
    reserve(cloud, "b")
    reserve(cloud, "a")
    client = cloud.client(compute_v1.ReservationsClient)
    assert [each.name for each in client.list(**WHERE)] == ["a", "b"]
    scopes = dict(client.aggregated_list(project=PROJECT))
    assert [each.name for each in scopes[f"zones/{ZONE}"].reservations] == ["a", "b"]
    assert scopes["zones/us-east4-a"].warning.code == "NO_RESULTS_ON_PAGE"


def test_vms_like_it_consume_a_reservation_and_give_it_back_when_they_go(cloud: Cloud) -> None:
    reserve(cloud)
    cloud.group("pool", 3)
    cloud.advance(300)
    assert in_use(cloud) == 2
    for name in cloud.members("pool"):
        cloud.do(cloud.compute.delete_instances, ZONE, "pool", [name])
    cloud.advance(300)
    assert in_use(cloud) == 0


def test_what_is_reserved_is_nobody_elses(cloud: Cloud) -> None:
    stock(cloud, 3)
    reserve(cloud)
    cloud.group("pool", 2, with_affinity(cloud, "NO_RESERVATION"))
    cloud.advance(300)
    assert (in_use(cloud), list(cloud.members("pool").values()).count("NONE")) == (0, 1)
    assert errors(cloud)[0].startswith("ZONE_RESOURCE_POOL_EXHAUSTED: ")


def test_a_reservation_serves_where_the_zone_has_nothing_left(cloud: Cloud) -> None:
    stock(cloud, 2)
    reserve(cloud)
    cloud.group("pool", 2)
    cloud.advance(300)
    assert (in_use(cloud), list(cloud.members("pool").values())) == (2, ["NONE", "NONE"])


def test_spot_vms_consume_no_reservation(cloud: Cloud) -> None:
    reserve(cloud)
    cloud.do(cloud.compute.insert_instance_template, template("spot", scheduling={"provisioningModel": "SPOT"}))
    cloud.group("pool", 1, "spot")
    cloud.advance(300)
    assert in_use(cloud) == 0


def test_one_that_must_be_named_serves_who_names_it(cloud: Cloud) -> None:
    reserve(cloud, specificReservationRequired=True)
    cloud.group("others", 1)
    cloud.group("pool", 1, with_affinity(cloud, "SPECIFIC_RESERVATION", "r"))
    cloud.advance(300)
    assert in_use(cloud) == 1
    assert list(cloud.members("others").values()) == ["NONE"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["r"], "Specified reservation 'r' does not have available resources for the request."),
        (["s"], "Specified reservations [s] do not exist."),
    ],
    ids=["used up", "not there"],
)
def test_who_names_one_that_cannot_serve_gets_nothing(cloud: Cloud, values: list[str], message: str) -> None:
    reserve(cloud, count=1, specificReservationRequired=True)
    cloud.group("pool", 2, with_affinity(cloud, "SPECIFIC_RESERVATION", *values))
    cloud.advance(300)
    assert f"CONDITION_NOT_MET: {message}" in errors(cloud)
    assert list(cloud.members("pool").values()).count("CREATING") == 2 - in_use(cloud)


def test_a_reservation_is_deleted_unless_vms_must_have_it(cloud: Cloud) -> None:
    reserve(cloud, specificReservationRequired=True)
    cloud.group("pool", 1, with_affinity(cloud, "SPECIFIC_RESERVATION", "r"))
    cloud.advance(300)
    status, answer = cloud.raw("DELETE", f"{PATH}/r")
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "resourceInUseByAnotherResource")
    cloud.do(cloud.compute.delete_instances, ZONE, "pool", list(cloud.members("pool")))
    cloud.advance(300)
    assert cloud.raw("DELETE", f"{PATH}/r")[0] == 200
    cloud.advance(60)
    assert cloud.raw("GET", f"{PATH}/r")[0] == 404
