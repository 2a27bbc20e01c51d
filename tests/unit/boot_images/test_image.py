import pytest

from poolwright.boot_images.image import BootImage, family, labels, why_unusable
from tests.unit.boot_images.examples import BASE, image


def test_a_boot_image_is_read_from_its_labels() -> None:
    read = BootImage.read(image())

    assert (read.environment, read.run_id, read.source_image, read.gke_version) == (
        "dev",
        42,
        BASE,
        "1-33-5-gke-1308000",
    )
    assert (read.name, read.link, read.architecture, read.disk_size_gb, read.status) == (
        "poolwright-dev-42",
        image()["selfLink"],
        "X86_64",
        50,
        "READY",
    )
    assert why_unusable(read, environment="dev", run_id=42) == ()


@pytest.mark.parametrize("label", ["poolwright-environment", "poolwright-run-id", "poolwright-source-image"])
def test_an_image_without_our_labels_is_none_of_ours(label: str) -> None:
    with pytest.raises(ValueError, match=label):
        BootImage.read(image(labels={label: None}))


@pytest.mark.parametrize("run_id", ["-1", "4x", "1" * 19, "٤٢"])
def test_a_run_id_is_an_unsigned_integer(run_id: str) -> None:
    with pytest.raises(ValueError, match="unsigned integer"):
        BootImage.read(image(labels={"poolwright-run-id": run_id}))


def test_every_reason_against_an_image_is_a_sentence_of_its_own() -> None:
    read = BootImage.read(
        image(status="FAILED", family="", diskSizeGb="0", deprecated={"state": "DELETED"}, architecture="X86_64")
    )

    reasons = why_unusable(read, environment="production", run_id=41)

    assert len(reasons) == 6
    for word in ("FAILED", "DELETED", "production", "family none", "run id 42, not 41", "disk size"):
        assert sum(word in reason for reason in reasons) >= 1, word


def test_what_a_build_writes_is_what_is_read() -> None:
    written = labels(
        environment="dev",
        run_id=7,
        source_image=f"projects/gke-node-images/global/images/{BASE}",
        gke_version="1.33.5-gke.1308000",
    )

    read = BootImage.read({**image(), "labels": written})

    assert (read.environment, read.run_id, read.source_image) == ("dev", 7, BASE)
    assert read.gke_version == "1-33-5-gke-1308000"
    assert family("dev") == "poolwright-dev"


def test_what_cannot_be_a_label_is_refused_before_the_build() -> None:
    with pytest.raises(ValueError, match="poolwright-environment='Dev'"):
        labels(environment="Dev", run_id=7, source_image=BASE, gke_version="1")
