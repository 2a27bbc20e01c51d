"""Images and disks, as the Python client sees them."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import compute_v1

from tests.contract.compute.conftest import PROJECT, WHERE, ZONE, Cloud

IMAGES = f"projects/{PROJECT}/global/images"
DISKS = f"projects/{PROJECT}/zones/{ZONE}/disks"


def disk(cloud: Cloud, name: str, **body: object) -> None:
    cloud.raw("POST", DISKS, {"name": name, "sourceImage": "global/images/family/node-image", **body})
    cloud.advance(10)


def image(cloud: Cloud, name: str, **body: object) -> None:
    cloud.raw("POST", IMAGES, {"name": name, "sourceDisk": f"zones/{ZONE}/disks/work", **body})
    cloud.advance(1)


def test_an_image_is_pending_until_its_operation_is_done(cloud: Cloud) -> None:
    disk(cloud, "work", sizeGb="30")
    _, begun = cloud.raw(
        "POST", IMAGES, {"name": "baked", "sourceDisk": f"zones/{ZONE}/disks/work", "labels": {"a": "b"}}
    )
    images = cloud.client(compute_v1.ImagesClient)
    assert images.get(project=PROJECT, image="baked").status == "PENDING"
    cloud.raw("POST", f"projects/{PROJECT}/global/operations/{begun['name']}/wait")
    baked = images.get(project=PROJECT, image="baked")
    assert (baked.status, baked.disk_size_gb, baked.architecture) == ("READY", 30, "X86_64")
    assert baked.source_disk.endswith(f"/zones/{ZONE}/disks/work")
    assert dict(baked.labels) == {"a": "b"}


def test_a_family_gives_its_newest_image_that_is_not_deprecated(cloud: Cloud) -> None:
    disk(cloud, "work")
    image(cloud, "first", family="baked")
    image(cloud, "second", family="baked")
    cloud.advance(100)
    images = cloud.client(compute_v1.ImagesClient)
    assert images.get_from_family(project=PROJECT, family="baked").name == "second"
    view = cloud.client(compute_v1.ImageFamilyViewsClient).get(project=PROJECT, zone=ZONE, family="baked")
    assert view.image.name == "second"
    cloud.raw("POST", f"{IMAGES}/second/deprecate", {"state": "DEPRECATED"})
    assert images.get(project=PROJECT, image="second").deprecated.state == "DEPRECATED"
    assert images.get_from_family(project=PROJECT, family="baked").name == "first"
    with pytest.raises(exceptions.NotFound, match="'projects/demo-project/global/images/family/none' was not found"):
        images.get_from_family(project=PROJECT, family="none")


def test_labels_change_only_under_the_current_fingerprint(cloud: Cloud) -> None:
    images = cloud.client(compute_v1.ImagesClient)
    before = images.get(project=PROJECT, image="node-image-1").label_fingerprint
    body = {"labels": {"run": "7"}, "labelFingerprint": before}
    assert cloud.raw("POST", f"{IMAGES}/node-image-1/setLabels", body)[0] == 200
    status, answer = cloud.raw("POST", f"{IMAGES}/node-image-1/setLabels", body)
    assert (status, answer["error"]["errors"][0]["reason"]) == (412, "conditionNotMet")
    assert answer["error"]["message"] == "Labels fingerprint either invalid or resource labels have changed"
    assert dict(images.get(project=PROJECT, image="node-image-1").labels) == {"run": "7"}
    assert [each.name for each in images.list({"project": PROJECT, "filter": "labels.run = 7"})] == ["node-image-1"]


def test_a_patched_image_moves_to_another_family(cloud: Cloud) -> None:
    cloud.raw("PATCH", f"{IMAGES}/node-image-1", {"family": "other", "description": "mine"})
    got = cloud.client(compute_v1.ImagesClient).get_from_family(project=PROJECT, family="other")
    assert (got.name, got.description) == ("node-image-1", "mine")


def test_a_deleted_image_is_gone_when_its_operation_is_done(cloud: Cloud) -> None:
    cloud.raw("DELETE", f"{IMAGES}/node-image-1")
    cloud.advance(10)
    assert cloud.raw("GET", f"{IMAGES}/node-image-1")[0] == 404


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"name": "x"}, 400, "Required field"),
        ({"name": "x", "sourceDisk": f"zones/{ZONE}/disks/none"}, 404, "disks/none' was not found"),
        ({"name": "x", "sourceDisk": "none"}, 400, "The URL is malformed"),
        ({"name": "X", "sourceImage": "global/images/node-image-1"}, 400, "Must be a match of regex"),
        ({"name": "node-image-1", "sourceImage": "global/images/node-image-1"}, 409, "already exists"),
    ],
)
def test_an_image_that_cannot_be_is_refused(cloud: Cloud, body: dict[str, str], status: int, text: str) -> None:
    got, answer = cloud.raw("POST", IMAGES, body)
    assert (got, text in answer["error"]["message"]) == (status, True)


def test_a_disk_is_made_from_an_image_and_not_smaller(cloud: Cloud) -> None:
    disk(cloud, "work")
    got = cloud.client(compute_v1.DisksClient).get(disk="work", **WHERE)
    assert (got.status, got.size_gb, got.architecture) == ("READY", 10, "X86_64")
    assert got.source_image.endswith("/global/images/node-image-1")
    assert got.type_.endswith(f"/zones/{ZONE}/diskTypes/pd-standard")
    status, answer = cloud.raw("POST", DISKS, {"name": "x", "sourceImage": "global/images/node-image-1", "sizeGb": "5"})
    assert status == 400
    assert "'5'. Requested disk size cannot be smaller than the image size (10 GB)" in answer["error"]["message"]


def test_a_disk_in_use_is_not_deleted(cloud: Cloud) -> None:
    cloud.group("pool", 1)
    cloud.advance(100)
    (name,) = cloud.members("pool")
    status, answer = cloud.raw("DELETE", f"{DISKS}/{name}")
    assert status == 400
    assert f"/disks/{name}' is already being used by" in answer["error"]["message"]
    status, answer = cloud.raw("POST", IMAGES, {"name": "x", "sourceDisk": f"zones/{ZONE}/disks/{name}"})
    assert (status, answer["error"]["errors"][0]["reason"]) == (400, "resourceInUseByAnotherResource")
    assert (
        cloud.raw("POST", f"{IMAGES}?forceCreate=true", {"name": "x", "sourceDisk": f"zones/{ZONE}/disks/{name}"})[0]
        == 200
    )
