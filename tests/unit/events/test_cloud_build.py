import json
from typing import Any

import pytest

from poolwright.events import cloud_build
from poolwright.verdicts import Irrelevant, Refused
from tests.payloads.samples import changed, load, message

SUCCESS = "cloud-build-boot-image-success"


@pytest.mark.parametrize("status", ["STATUS_UNKNOWN", "PENDING", "QUEUED", "WORKING"])
@pytest.mark.parametrize("where", ["attribute", "body"])
def test_a_build_that_goes_on_concerns_nobody(status: str, where: str) -> None:
    sample = load(SUCCESS)
    sample["attributes"] = {"status": status} if where == "attribute" else {}
    if where == "body":
        sample["data"]["status"] = status
    with pytest.raises(Irrelevant):
        cloud_build.decode(message(sample))


@pytest.mark.parametrize("tags", [[], ["web"], None, ...])
def test_a_build_of_someone_else_concerns_nobody(tags: Any) -> None:
    with pytest.raises(Irrelevant, match="boot-image"):
        cloud_build.decode(message(changed(SUCCESS, "tags", tags)))


@pytest.mark.parametrize("status", ["FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED"])
def test_every_bad_end_of_our_build_is_an_event(status: str) -> None:
    sample = changed(SUCCESS, "status", status)
    sample["attributes"]["status"] = status
    event = cloud_build.decode(message(sample))
    assert event.status == status
    assert not event.succeeded


@pytest.mark.parametrize("product", ["boot-image", "cache-disk", "backend-image"])
def test_the_product_is_told_by_its_tag(product: str) -> None:
    assert cloud_build.decode(message(changed(SUCCESS, "tags", ["dev", product]))).product == product


def test_a_build_outside_a_region_is_global() -> None:
    event = cloud_build.decode(message(changed(SUCCESS, "name", ...)))
    assert (event.project, event.project_number, event.location) == ("acme-gpu", "", "global")


def test_a_build_needs_no_substitutions() -> None:
    assert cloud_build.decode(message(changed(SUCCESS, "substitutions", ...))).substitutions == {}


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("id", ..., "id"),
        ("id", 7, "id"),
        ("projectId", ..., "projectId"),
        ("status", ..., "status"),
        ("status", 3, "status"),
        ("tags", "boot-image", "tags"),
        ("tags", ["boot-image", 5], "tags[1]"),
        ("tags", ["boot-image", "cache-disk"], "tags"),
        ("substitutions", {"_RUN_ID": 42}, "substitutions[...]"),
        ("substitutions", None, "substitutions"),
        ("serviceAccount", {}, "serviceAccount"),
    ],
)
def test_a_malformed_build_of_ours_is_refused_by_the_name_of_the_field(path: str, value: Any, where: str) -> None:
    sample = changed(SUCCESS, path, value)
    sample["attributes"] = {}
    with pytest.raises(Refused) as caught:
        cloud_build.decode(message(sample))
    assert caught.value.where == where


@pytest.mark.parametrize("text", ["", "no json", "[]", "null", json.dumps("text")])
def test_a_body_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"message\.data"):
        cloud_build.decode(message({"attributes": {}, "data": text}))
