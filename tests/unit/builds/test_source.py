"""GKE's node images by link and by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.builds.source import SourceImage, why_unexpected
from poolwright.environments import SourceImagePolicy

COS = "gke-1335-gke1308000-cos-121-18867-199-88-c-pre"


@pytest.mark.parametrize(
    "text",
    [
        COS,
        f"projects/gke-node-images/global/images/{COS}",
        f"https://www.googleapis.com/compute/v1/projects/gke-node-images/global/images/{COS}",
    ],
)
def test_a_node_image_is_found_by_link_or_name(text: str) -> None:
    assert SourceImage.parse(text) == SourceImage("gke-node-images", COS)
    assert SourceImage.parse(text).link == f"projects/gke-node-images/global/images/{COS}"


def test_ubuntu_images_are_in_a_project_of_their_own() -> None:
    assert SourceImage.parse("ubuntu-gke-2204-1-33-v20251014").project == "ubuntu-os-gke-cloud"
    assert SourceImage.parse("projects/mine/global/images/ubuntu-1").project == "mine"


@pytest.mark.parametrize("text", ["", "Upper", "a/b", "projects/p/zones/z/disks/d", "name\n", "x" * 64, "9lives"])
def test_what_is_no_image_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no image"):
        SourceImage.parse(text)


@given(st.integers(10, 99), st.integers(0, 99), st.integers(0, 10**7))
def test_the_version_is_what_the_name_tells(minor: int, patch: int, build: int) -> None:
    name = f"gke-1{minor}{patch}-gke{build}-cos-121-c-pre"
    assert SourceImage.parse(name).gke_version == f"1.{minor}.{patch}-gke.{build}"


@pytest.mark.parametrize("name", ["cos-121-18867", "gke-cluster-1", "ubuntu-gke-2204-1-33-v20251014"])
def test_a_name_that_tells_no_version_has_none(name: str) -> None:
    assert SourceImage.parse(name).gke_version == ""


@pytest.mark.parametrize(
    ("image", "on_change", "expected"),
    [("", "report", True), (COS, "report", True), ("gke-1329-cos", "report", False), ("gke-1329-cos", "rebuild", True)],
)
def test_an_environment_builds_on_its_image_or_on_what_it_follows(image: str, on_change: str, expected: bool) -> None:
    policy = SourceImagePolicy(image=image, on_change=on_change)  # type: ignore[arg-type]
    assert (why_unexpected(policy, COS, environment="dev") == "") is expected
