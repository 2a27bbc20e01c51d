"""The reference pool as it is asked for."""

from poolwright.builds import reference_pool
from poolwright.environments import ReferencePool
from poolwright.references import REFERENCE_POOL

L4 = ReferencePool(cluster="serving", machine_type="g2-standard-8", accelerator="nvidia-l4", zone="us-central1-a")
SAME = {
    "machine_type": "g2-standard-8",
    "image_type": "COS_CONTAINERD",
    "accelerators": ("nvidia-l4",),
    "gpus_per_node": 1,
    "locations": ("us-central1-a",),
}


def test_it_has_no_nodes_and_is_known_as_ours() -> None:
    assert reference_pool.body(L4, environment="dev") == {
        "name": "poolwright-reference",
        "initialNodeCount": 0,
        "locations": ["us-central1-a"],
        "config": {
            "machineType": "g2-standard-8",
            "imageType": "COS_CONTAINERD",
            "labels": {REFERENCE_POOL: "dev"},
            "accelerators": [{"acceleratorType": "nvidia-l4", "acceleratorCount": "1"}],
        },
    }
    assert reference_pool.is_of({REFERENCE_POOL: "dev", "team": "web"}, "dev")
    assert not reference_pool.is_of({REFERENCE_POOL: "dev"}, "production")
    assert not reference_pool.is_of({}, "dev")


def test_what_is_left_to_gke_makes_no_difference() -> None:
    assert reference_pool.differences(L4, **SAME) == ()  # type: ignore[arg-type]
    loose = ReferencePool(cluster="serving", machine_type="g2-standard-8")
    assert "locations" not in reference_pool.body(loose, environment="dev")
    assert "accelerators" not in reference_pool.body(loose, environment="dev")["config"]
    assert reference_pool.differences(loose, **SAME | {"locations": ("x", "y")}) == ()  # type: ignore[arg-type]


def test_a_difference_is_named() -> None:
    found = reference_pool.differences(L4, **SAME | {"image_type": "UBUNTU_CONTAINERD", "gpus_per_node": 2})  # type: ignore[arg-type]
    assert found == (
        "image type UBUNTU_CONTAINERD, not COS_CONTAINERD",
        "2 of nvidia-l4, not 1 of nvidia-l4",
    )
