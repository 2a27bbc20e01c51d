"""Operations, and the request ids that make a write happen once."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import compute_v1

from localcloud.compute import Compute
from localcloud.simulation import Simulation
from localcloud.world import World
from tests.contract.compute.conftest import PROJECT, WHERE, ZONE, Cloud, template

TEMPLATES = f"projects/{PROJECT}/global/instanceTemplates"
GROUPS = f"projects/{PROJECT}/zones/{ZONE}/instanceGroupManagers"


def read(cloud: Cloud, operation: dict[str, Any]) -> dict[str, Any]:
    return cloud.raw("GET", operation["selfLink"].partition("/v1/")[2])[1]


def test_an_operation_is_pending_then_running_then_done(cloud: Cloud) -> None:
    _, begun = cloud.raw("POST", TEMPLATES, template("new"))
    assert (begun["kind"], begun["operationType"], begun["status"]) == ("compute#operation", "insert", "PENDING")
    assert begun["targetLink"].endswith(f"/{TEMPLATES}/new")
    assert "endTime" not in begun
    cloud.advance(1)
    running = read(cloud, begun)
    assert (running["status"], running["progress"], "startTime" in running) == ("RUNNING", 0, True)
    cloud.advance(5)
    done = read(cloud, begun)
    assert (done["status"], done["progress"], "error" in done) == ("DONE", 100, False)
    assert done["insertTime"] <= done["startTime"] <= done["endTime"]
    assert done["targetId"] == cloud.raw("GET", f"{TEMPLATES}/new")[1]["id"]


def test_waiting_lets_the_world_go_on_until_it_is_done(cloud: Cloud) -> None:
    _, begun = cloud.raw("POST", TEMPLATES, template("new"))
    status, done = cloud.raw("POST", f"projects/{PROJECT}/global/operations/{begun['name']}/wait")
    assert (status, done["status"]) == (200, "DONE")


def test_waiting_in_real_time_answers_when_it_is_done(fast: Cloud) -> None:
    operation = fast.templates.insert(
        project=PROJECT,
        instance_template_resource=compute_v1.InstanceTemplate(
            name="new",
            properties={"machine_type": "e2-small", "disks": [{"boot": True}]},
        ),
    )
    waited = fast.client(compute_v1.GlobalOperationsClient).wait(project=PROJECT, operation=operation.name)
    assert waited.status == compute_v1.Operation.Status.DONE


def test_what_fails_later_is_in_the_operation(cloud: Cloud) -> None:
    _, begun = cloud.raw("DELETE", f"{TEMPLATES}/small")
    cloud.group("pool", 0)
    cloud.advance(10)
    done = read(cloud, begun)
    assert (done["status"], done["httpErrorStatusCode"], done["httpErrorMessage"]) == ("DONE", 400, "BAD REQUEST")
    assert done["error"]["errors"][0]["code"] == "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE"
    assert cloud.raw("GET", f"{TEMPLATES}/small")[0] == 200


def test_operations_are_listed_where_they_belong_and_can_be_forgotten(cloud: Cloud) -> None:
    cloud.group("pool", 0)
    _, zonal = cloud.raw("POST", f"{GROUPS}/pool/resize?size=1")
    _, whole = cloud.raw("POST", TEMPLATES, template("new"))
    zone = cloud.client(compute_v1.ZoneOperationsClient)
    everywhere = cloud.client(compute_v1.GlobalOperationsClient)
    assert [each.name for each in zone.list(**WHERE)] == [zonal["name"]]
    assert [each.name for each in everywhere.list(project=PROJECT)] == [whole["name"]]
    found = {
        scope: [each.name for each in held.operations] for scope, held in everywhere.aggregated_list(project=PROJECT)
    }
    assert found["global"] == [whole["name"]]
    assert found[f"zones/{ZONE}"] == [zonal["name"]]
    zone.delete(operation=zonal["name"], **WHERE)
    with pytest.raises(exceptions.NotFound):
        zone.get(operation=zonal["name"], **WHERE)


def test_a_repeated_request_id_gives_the_first_operation_and_acts_once(cloud: Cloud) -> None:
    cloud.group("pool", 0)
    identity = uuid.uuid4()
    _, first = cloud.raw("POST", f"{GROUPS}/pool/resize?size=2&requestId={identity}")
    cloud.raw("POST", f"{GROUPS}/pool/resize?size=1")
    status, second = cloud.raw("POST", f"{GROUPS}/pool/resize?size=2&requestId={identity}")
    assert (status, second["name"]) == (200, first["name"])
    assert cloud.shown("pool").target_size == 1


def test_a_request_id_with_another_body_is_refused(cloud: Cloud) -> None:
    identity = uuid.uuid4()
    assert cloud.raw("POST", f"{TEMPLATES}?requestId={identity}", template("one"))[0] == 200
    status, answer = cloud.raw("POST", f"{TEMPLATES}?requestId={identity}", template("two"))
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "invalid")
    assert cloud.raw("GET", f"{TEMPLATES}/two")[0] == 404


@pytest.mark.parametrize("identity", ["7", "00000000-0000-0000-0000-000000000000", "not-a-uuid"])
def test_a_request_id_that_is_no_uuid_is_refused(cloud: Cloud, identity: str) -> None:
    status, answer = cloud.raw("POST", f"{TEMPLATES}?requestId={identity}", template("one"))
    assert status == 400
    assert "requestId" in answer["error"]["message"]
    assert cloud.raw("GET", f"{TEMPLATES}/one")[0] == 404


def test_a_failed_call_leaves_its_request_id_free(cloud: Cloud) -> None:
    identity = uuid.uuid4()
    body = {"name": "pool", "targetSize": 0, "instanceTemplate": "global/instanceTemplates/later"}
    assert cloud.raw("POST", f"{GROUPS}?requestId={identity}", body)[0] == 404
    cloud.raw("POST", TEMPLATES, template("later"))
    assert cloud.raw("POST", f"{GROUPS}?requestId={identity}", body)[0] == 200


def test_a_saved_world_goes_on_where_it_stopped(cloud: Cloud, tmp_path: Path) -> None:
    identity = uuid.uuid4()
    cloud.group("pool", 2)
    _, begun = cloud.raw("DELETE", f"{GROUPS}/pool?requestId={identity}")
    cloud.do(cloud.world.save, tmp_path / "world.json")
    world = World(project=PROJECT, simulation=Simulation(manual=True))
    compute = Compute(world)
    world.load(tmp_path / "world.json")
    assert len(compute.managed_instances_of(ZONE, "pool")) == 2
    world.simulation.advance(300)
    path = begun["selfLink"].partition("/v1/")[2]
    assert world.table("compute.operations")[path]["status"] == "DONE"
    assert f"{GROUPS}/pool" not in world.table("compute.instanceGroupManagers")
    assert str(identity) in next(iter(world.table("compute.requests")))
