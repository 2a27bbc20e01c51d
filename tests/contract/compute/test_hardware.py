"""What Google has: machine types, accelerators, zones, the project."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import compute_v1

from tests.contract.compute.conftest import PROJECT, WHERE, ZONE, Cloud


@pytest.mark.parametrize(
    ("name", "cpus", "memory_gb", "accelerator", "count"),
    [
        ("g2-standard-48", 48, 192, "nvidia-l4", 4),
        ("a2-highgpu-8g", 96, 680, "nvidia-tesla-a100", 8),
        ("a2-megagpu-16g", 96, 1360, "nvidia-tesla-a100", 16),
        ("a2-ultragpu-8g", 96, 1360, "nvidia-a100-80gb", 8),
        ("a3-highgpu-8g", 208, 1872, "nvidia-h100-80gb", 8),
        ("a3-megagpu-8g", 208, 1872, "nvidia-h100-mega-80gb", 8),
        ("n1-standard-8", 8, 30, "", 0),
        ("n2-highmem-8", 8, 64, "", 0),
        ("c3-standard-22", 22, 88, "", 0),
        ("e2-medium", 2, 4, "", 0),
    ],
)
def test_machine_types_have_their_real_numbers(
    cloud: Cloud, name: str, cpus: int, memory_gb: int, accelerator: str, count: int
) -> None:
    got = cloud.client(compute_v1.MachineTypesClient).get(machine_type=name, **WHERE)
    assert (got.guest_cpus, got.memory_mb) == (cpus, memory_gb * 1024)
    expected = [(accelerator, count)] if accelerator else []
    assert [(each.guest_accelerator_type, each.guest_accelerator_count) for each in got.accelerators] == expected


def test_arm_machines_say_so(cloud: Cloud) -> None:
    types = cloud.client(compute_v1.MachineTypesClient)
    assert types.get(machine_type="t2a-standard-4", **WHERE).architecture == "ARM64"
    assert types.get(machine_type="e2-standard-4", **WHERE).architecture == "X86_64"


def test_custom_machine_types_are_understood(cloud: Cloud) -> None:
    got = cloud.client(compute_v1.MachineTypesClient).get(machine_type="n2-custom-6-12288", **WHERE)
    assert (got.guest_cpus, got.memory_mb) == (6, 12288)


def test_a_zone_without_an_accelerator_has_no_machines_with_it(cloud: Cloud) -> None:
    types = cloud.client(compute_v1.AcceleratorTypesClient)
    assert "nvidia-h100-80gb" in [each.name for each in types.list(**WHERE)]
    where = {"project": PROJECT, "zone": "africa-south1-a"}
    assert list(types.list(**where)) == []
    with pytest.raises(exceptions.NotFound):
        cloud.client(compute_v1.MachineTypesClient).get(machine_type="a3-highgpu-8g", **where)


def test_accelerators_are_found_over_all_zones(cloud: Cloud) -> None:
    listed = cloud.client(compute_v1.AcceleratorTypesClient).aggregated_list(
        {"project": PROJECT, "filter": "name = nvidia-h200-141gb"}
    )
    zones = [scope for scope, held in listed if held.accelerator_types]
    assert f"zones/{ZONE}" in zones
    assert "zones/africa-south1-a" not in zones


def test_zones_and_regions_name_each_other(cloud: Cloud) -> None:
    zone = cloud.client(compute_v1.ZonesClient).get(project=PROJECT, zone="europe-west1-b")
    region = cloud.client(compute_v1.RegionsClient).get(project=PROJECT, region="europe-west1")
    assert zone.region == region.self_link
    assert zone.self_link in region.zones
    assert not any(each.endswith("europe-west1-a") for each in region.zones)


def test_a_region_shows_its_quotas_and_their_use(cloud: Cloud) -> None:
    cloud.world.table("compute.quotas")["us-central1"] = {"CPUS": 8}
    cloud.group("pool", 2)
    cloud.advance(100)
    region = cloud.client(compute_v1.RegionsClient).get(project=PROJECT, region="us-central1")
    quotas = {each.metric: (each.usage, each.limit) for each in region.quotas}
    assert quotas["CPUS"] == (4.0, 8.0)


def test_the_project_answers_to_its_number_too(cloud: Cloud) -> None:
    projects = cloud.client(compute_v1.ProjectsClient)
    assert projects.get(project=PROJECT).name == projects.get(project="314159265358").name == PROJECT


def test_the_default_network_has_a_subnetwork_a_region(cloud: Cloud) -> None:
    network = cloud.client(compute_v1.NetworksClient).get(project=PROJECT, network="default")
    subnetwork = cloud.client(compute_v1.SubnetworksClient).get(
        project=PROJECT, region="us-central1", subnetwork="default"
    )
    assert subnetwork.network == network.self_link
    assert subnetwork.self_link in network.subnetworks


def test_what_nobody_made_is_an_empty_list(cloud: Cloud) -> None:
    assert list(cloud.client(compute_v1.ReservationsClient).list(**WHERE)) == []
    assert list(cloud.client(compute_v1.AutoscalersClient).list(**WHERE)) == []
    regional = cloud.client(compute_v1.RegionInstanceGroupManagersClient)
    assert list(regional.list(project=PROJECT, region="us-central1")) == []
