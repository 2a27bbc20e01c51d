"""Instance templates, as the Python client sees them."""

from __future__ import annotations

import json

import pytest
from google.api_core import exceptions
from google.cloud import compute_v1

from tests.contract.compute.conftest import PROJECT, Cloud, template


def insert(cloud: Cloud, name: str, **changes: object) -> None:
    body = compute_v1.InstanceTemplate.from_json(json.dumps(template(name, **changes)))
    cloud.templates.insert(project=PROJECT, instance_template_resource=body)


def test_a_template_comes_back_as_given_with_what_google_adds(cloud: Cloud) -> None:
    metadata = {"items": [{"key": "kube-env", "value": "A: b\n"}]}
    insert(cloud, "mine", metadata=metadata, labels={"team": "ml"})
    got = cloud.templates.get(project=PROJECT, instance_template="mine")
    assert got.self_link == f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/global/instanceTemplates/mine"
    assert got.kind == "compute#instanceTemplate"
    assert got.id > 0
    assert got.properties.metadata.items[0].value == "A: b\n"
    assert got.properties.metadata.fingerprint
    assert dict(got.properties.labels) == {"team": "ml"}
    assert got.properties.disks[0].device_name == "persistent-disk-0"
    assert got.properties.network_interfaces[0].network.endswith(f"/projects/{PROJECT}/global/networks/default")


def test_a_template_is_found_by_its_id_too_as_terraform_asks_for_it(cloud: Cloud) -> None:
    insert(cloud, "numbered")
    number = cloud.templates.get(project=PROJECT, instance_template="numbered").id
    assert cloud.templates.get(project=PROJECT, instance_template=str(number)).name == "numbered"
    with pytest.raises(exceptions.NotFound):
        cloud.templates.get(project=PROJECT, instance_template=str(number + 1))


def test_a_name_is_refused_in_googles_words(cloud: Cloud) -> None:
    with pytest.raises(exceptions.BadRequest, match=r"Invalid value for field 'resource.name': 'Bad_Name'. Must be a"):
        insert(cloud, "Bad_Name")


def test_a_second_template_of_a_name_is_refused(cloud: Cloud) -> None:
    with pytest.raises(exceptions.Conflict, match="'projects/demo-project/global/instanceTemplates/small' already exi"):
        insert(cloud, "small")


@pytest.mark.parametrize(
    "items",
    [
        [{"key": "a", "value": "x" * (256 * 1024 + 1)}],
        [{"key": f"k{index}", "value": "x" * 200_000} for index in range(3)],
    ],
    ids=["one value over 256 KB", "all values over 512 KB"],
)
def test_metadata_that_is_too_large_is_refused(cloud: Cloud, items: list[dict[str, str]]) -> None:
    status, answer = cloud.raw(
        "POST", f"projects/{PROJECT}/global/instanceTemplates", template("big", metadata={"items": items})
    )
    assert status == 413
    assert answer["error"]["errors"][0]["reason"] == "fieldSizeTooLarge"
    assert "is too large: maximum size" in answer["error"]["message"]


def test_metadata_of_256_kb_is_taken(cloud: Cloud) -> None:
    insert(cloud, "full", metadata={"items": [{"key": "a", "value": "x" * (256 * 1024)}]})


def test_a_template_in_use_is_not_deleted_and_one_out_of_use_is(cloud: Cloud) -> None:
    cloud.group("pool", 0)
    status, answer = cloud.raw("DELETE", f"projects/{PROJECT}/global/instanceTemplates/small")
    assert status == 400
    assert answer["error"]["errors"][0]["reason"] == "resourceInUseByAnotherResource"
    assert answer["error"]["message"] == (
        "The instance_template resource 'projects/demo-project/global/instanceTemplates/small' is already being used "
        "by 'projects/demo-project/zones/us-central1-a/instanceGroupManagers/pool'"
    )
    insert(cloud, "free")
    cloud.templates.delete(project=PROJECT, instance_template="free")
    cloud.advance(10)
    with pytest.raises(exceptions.NotFound):
        cloud.templates.get(project=PROJECT, instance_template="free")


def test_a_missing_template_is_not_found_in_googles_words(cloud: Cloud) -> None:
    status, answer = cloud.raw("GET", f"projects/{PROJECT}/global/instanceTemplates/none")
    message = "The resource 'projects/demo-project/global/instanceTemplates/none' was not found"
    errors = [{"message": message, "domain": "global", "reason": "notFound"}]
    assert (status, answer) == (404, {"error": {"code": 404, "message": message, "errors": errors}})


def test_regional_templates_are_apart_from_global_ones(cloud: Cloud) -> None:
    regional = cloud.client(compute_v1.RegionInstanceTemplatesClient)
    body = compute_v1.InstanceTemplate.from_json(json.dumps(template("small")))
    regional.insert(project=PROJECT, region="us-central1", instance_template_resource=body)
    got = regional.get(project=PROJECT, region="us-central1", instance_template="small")
    assert got.self_link.endswith("/regions/us-central1/instanceTemplates/small")
    found = dict(cloud.templates.aggregated_list(project=PROJECT))
    assert len(found["global"].instance_templates) == len(found["regions/us-central1"].instance_templates) == 1


def test_an_unknown_machine_type_is_refused(cloud: Cloud) -> None:
    with pytest.raises(exceptions.BadRequest, match="Instance properties must provide existing machine type"):
        insert(cloud, "odd", machineType="a9-hyper-1")


def test_an_unknown_field_is_refused(cloud: Cloud) -> None:
    body = template("odd") | {"proprieties": {}}
    status, answer = cloud.raw("POST", f"projects/{PROJECT}/global/instanceTemplates", body)
    assert status == 400
    assert 'Unknown name "proprieties"' in answer["error"]["message"]
