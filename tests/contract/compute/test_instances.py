"""Single VMs, as an image builder uses them."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud import compute_v1

from tests.contract.compute.conftest import PROJECT, WHERE, ZONE, Cloud

VMS = f"projects/{PROJECT}/zones/{ZONE}/instances"


def vm(**changes: Any) -> dict[str, Any]:
    boot = {"boot": True, "autoDelete": True, "initializeParams": {"sourceImage": "global/images/family/node-image"}}
    body = {
        "name": "builder",
        "machineType": f"zones/{ZONE}/machineTypes/e2-standard-2",
        "disks": [boot],
        "networkInterfaces": [{"network": "global/networks/default", "accessConfigs": [{"type": "ONE_TO_ONE_NAT"}]}],
    }
    return body | changes


@pytest.fixture
def running(cloud: Cloud) -> Cloud:
    cloud.raw("POST", VMS, vm(metadata={"items": [{"key": "startup-script", "value": "true"}]}, labels={"a": "b"}))
    cloud.advance(60)
    return cloud


def get(cloud: Cloud) -> compute_v1.Instance:
    return cloud.client(compute_v1.InstancesClient).get(instance="builder", **WHERE)


def test_a_vm_goes_through_its_states_and_the_operation_with_it(cloud: Cloud) -> None:
    _, begun = cloud.raw("POST", VMS, vm())
    path = begun["selfLink"].partition("/v1/")[2]
    seen = []
    for _ in range(60):
        seen.append((get(cloud).status, cloud.raw("GET", path)[1]["status"]))
        cloud.advance(1)
    states = list(dict.fromkeys(state for state, _ in seen))
    assert states == ["PROVISIONING", "STAGING", "RUNNING"]
    assert ("RUNNING", "DONE") in seen
    assert not {("PROVISIONING", "DONE"), ("STAGING", "DONE")} & set(seen)


def test_a_vm_has_its_disk_addresses_and_links(running: Cloud) -> None:
    got = get(running)
    assert got.machine_type.endswith(f"/zones/{ZONE}/machineTypes/e2-standard-2")
    assert got.disks[0].source.endswith(f"/zones/{ZONE}/disks/builder")
    assert got.network_interfaces[0].network_i_p
    assert got.network_interfaces[0].access_configs[0].nat_i_p
    disk = running.client(compute_v1.DisksClient).get(disk="builder", **WHERE)
    assert list(disk.users) == [got.self_link]


def test_a_machine_with_gpus_brings_them_itself(cloud: Cloud) -> None:
    cloud.raw("POST", VMS, vm(machineType=f"zones/{ZONE}/machineTypes/a3-highgpu-8g"))
    got = get(cloud)
    assert got.guest_accelerators[0].accelerator_type.endswith("/acceleratorTypes/nvidia-h100-80gb")
    assert got.guest_accelerators[0].accelerator_count == 8
    assert got.scheduling.on_host_maintenance == "TERMINATE"


def test_a_deleted_vm_takes_its_disk_along_only_when_told(cloud: Cloud) -> None:
    kept = {"boot": True, "autoDelete": False, "initializeParams": {"sourceImage": "global/images/node-image-1"}}
    cloud.raw("POST", VMS, vm(disks=[kept]))
    cloud.raw("POST", VMS, vm(name="other"))
    cloud.advance(60)
    for name in ("builder", "other"):
        cloud.raw("DELETE", f"{VMS}/{name}")
    cloud.advance(100)
    disks = list(cloud.client(compute_v1.DisksClient).list(**WHERE))
    assert [(each.name, list(each.users)) for each in disks] == [("builder", [])]


def test_a_vm_stops_and_starts(running: Cloud) -> None:
    running.raw("POST", f"{VMS}/builder/stop")
    assert get(running).status == "STOPPING"
    running.advance(60)
    assert get(running).status == "TERMINATED"
    running.raw("POST", f"{VMS}/builder/start")
    running.advance(60)
    assert get(running).status == "RUNNING"


def test_metadata_labels_and_tags_change_only_under_their_fingerprints(running: Cloud) -> None:
    got = get(running)
    calls = {
        "setMetadata": {"items": [{"key": "x", "value": "y"}], "fingerprint": got.metadata.fingerprint},
        "setLabels": {"labels": {"c": "d"}, "labelFingerprint": got.label_fingerprint},
        "setTags": {"items": ["web"], "fingerprint": got.tags.fingerprint},
    }
    for method, body in calls.items():
        assert running.raw("POST", f"{VMS}/builder/{method}", body)[0] == 200
        status, answer = running.raw("POST", f"{VMS}/builder/{method}", body)
        assert (status, answer["error"]["errors"][0]["reason"]) == (412, "conditionNotMet")
    got = get(running)
    assert ([each.key for each in got.metadata.items], dict(got.labels), list(got.tags.items)) == (
        ["x"], {"c": "d"}, ["web"],
    )  # fmt: skip


def test_the_serial_port_is_read_on_from_where_one_was(running: Cloud) -> None:
    path = f"{VMS}/builder/serialPort"
    running.world.table("compute.serialPorts")[VMS + "/builder"] = "hello "
    first = running.raw("GET", path)[1]
    running.world.table("compute.serialPorts")[VMS + "/builder"] = "hello world"
    second = running.raw("GET", f"{path}?start={first['next']}")[1]
    assert (first["contents"], second["contents"]) == ("hello ", "world")


def test_a_stockout_is_in_the_operation(cloud: Cloud) -> None:
    cloud.world.table("compute.stock")[ZONE] = {"e2-standard-2": 0}
    _, begun = cloud.raw("POST", VMS, vm())
    done = cloud.raw("POST", f"projects/{PROJECT}/zones/{ZONE}/operations/{begun['name']}/wait")[1]
    assert done["error"]["errors"][0]["code"] == "ZONE_RESOURCE_POOL_EXHAUSTED"
    assert cloud.raw("GET", f"{VMS}/builder")[0] == 404
    assert not list(cloud.client(compute_v1.DisksClient).list(**WHERE))


def test_disks_are_attached_and_detached(running: Cloud) -> None:
    running.raw("POST", f"projects/{PROJECT}/zones/{ZONE}/disks", {"name": "data", "sizeGb": "50"})
    running.advance(10)
    body = {"source": f"projects/{PROJECT}/zones/{ZONE}/disks/data", "deviceName": "data"}
    running.raw("POST", f"{VMS}/builder/attachDisk", body)
    assert [each.device_name for each in get(running).disks] == ["persistent-disk-0", "data"]
    running.raw("POST", f"{VMS}/builder/detachDisk?deviceName=data")
    assert [each.device_name for each in get(running).disks] == ["persistent-disk-0"]
    assert list(running.client(compute_v1.DisksClient).get(disk="data", **WHERE).users) == []


@pytest.mark.parametrize(
    ("changes", "status", "text"),
    [
        ({"machineType": "e2-small"}, 400, "The URL is malformed"),
        ({"machineType": f"zones/{ZONE}/machineTypes/e9-huge"}, 404, "machineTypes/e9-huge' was not found"),
        ({"disks": []}, 400, "boot disk"),
        ({"name": "UP"}, 400, "Must be a match of regex"),
        ({"deletionProtection": "maybe"}, 400, "Invalid value at"),
    ],
)
def test_a_vm_that_cannot_be_is_refused(cloud: Cloud, changes: dict[str, Any], status: int, text: str) -> None:
    got, answer = cloud.raw("POST", VMS, vm(**changes))
    assert (got, text in answer["error"]["message"]) == (status, True)


def test_a_vm_is_made_from_a_template(cloud: Cloud) -> None:
    cloud.raw("POST", f"{VMS}?sourceInstanceTemplate=global/instanceTemplates/small", {"name": "builder"})
    assert get(cloud).machine_type.endswith("/machineTypes/e2-medium")
