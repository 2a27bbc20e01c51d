from typing import Any

import pytest

from poolwright.boot_images import gke_template
from poolwright.boot_images.outcomes import Refusal
from poolwright.boot_images.provenance import Provenance
from poolwright.boot_images.resources import InstanceTemplate
from poolwright.references import ClusterRef, PoolRef
from tests.unit.boot_images.examples import CLUSTER_UID, KUBE_ENV, POOL, template

OURS = Provenance(environment="dev", run_id=42, image="i", gke_template="gke-serving-l4-31a27d4b").render()


def current(own: dict[str, Any], *templates: dict[str, Any]) -> str | Refusal:
    found = gke_template.current(
        own=InstanceTemplate(own),
        templates=[InstanceTemplate(raw) for raw in templates],
        pool=POOL,
        cluster_uid=CLUSTER_UID,
    )
    return found if isinstance(found, Refusal) else found.name


def ours() -> dict[str, Any]:
    return template("gke-serving-l4-pw-42-0123456789", description=OURS, created="2026-11-19T00:00:00.000-08:00")


def test_the_groups_own_is_gkes_unless_it_is_ours() -> None:
    newer = template("gke-serving-l4-99999999", created="2026-11-18T00:00:00.000-08:00")

    assert current(template(), newer, ours()) == "gke-serving-l4-31a27d4b"


def test_behind_ours_stands_the_newest_that_gke_issued_whatever_the_offset_of_its_time() -> None:
    older = template("gke-serving-l4-00000001", created="2026-11-18T03:00:00.000+00:00")
    newest = template("gke-serving-l4-00000002", created="2026-11-17T20:00:00.000-08:00", metadata={"user-data": "new"})

    assert current(ours(), older, ours(), newest, template()) == "gke-serving-l4-00000002"


def test_a_group_stays_on_its_own_while_its_neighbours_says_the_same() -> None:
    neighbours = template("gke-serving-l4-00000002", created="2026-11-18T00:00:00.000-08:00")

    assert current(ours(), template(), neighbours) == "gke-serving-l4-31a27d4b"


def test_a_newer_template_of_another_zone_is_passed_over() -> None:
    zone = {"kube-env": KUBE_ENV + "\nZONE: us-central1-b\n"}
    newer = template("gke-serving-l4-00000002", created="2026-11-18T00:00:00.000-08:00", metadata=zone)

    assert current(ours(), template(), newer) == "gke-serving-l4-31a27d4b"


@pytest.mark.parametrize(
    "foreign",
    [
        {"metadata": {"cluster-uid": "0" * 64}},
        {"metadata": {"cluster-uid": None}},
        {"metadata": {"cluster-name": "other"}},
        {
            "metadata": {
                "kube-labels": "cloud.google.com/gke-nodepool=l4-spot",
                "kube-env": KUBE_ENV.replace("gke-nodepool=l4", "gke-nodepool=l4-spot"),
            }
        },
        {"name": "serving-l4-by-hand"},
    ],
    ids=["another cluster's uid", "no uid", "another cluster's name", "another pool", "a name GKE never gives"],
)
def test_a_newer_template_of_somebody_else_is_passed_over(foreign: dict[str, Any]) -> None:
    newer = template(**{"name": "gke-serving-l4-99999999", "created": "2026-11-18T00:00:00.000-08:00", **foreign})

    assert current(ours(), newer, template()) == "gke-serving-l4-31a27d4b"


def test_the_pool_is_known_from_kube_env_where_kube_labels_is_missing() -> None:
    assert current(ours(), template(metadata={"kube-labels": None})) == "gke-serving-l4-31a27d4b"


def test_none_is_refused() -> None:
    outcome = current(ours(), ours())

    assert isinstance(outcome, Refusal)
    assert outcome.kind == "ambiguous"
    assert "l4" in outcome.reason and "upgrade or recreate the pool" in outcome.reason


def test_two_of_the_same_moment_that_differ_are_refused_and_named() -> None:
    other = template("gke-serving-l4-00000002", machineType="g2-standard-16")

    outcome = current(ours(), template(), other)

    assert isinstance(outcome, Refusal)
    assert outcome.kind == "ambiguous"
    assert "gke-serving-l4-00000002 and gke-serving-l4-31a27d4b" in outcome.reason


def test_two_of_the_same_moment_with_the_same_content_are_as_good_as_one() -> None:
    same = [template("gke-serving-l4-00000003"), template("gke-serving-l4-00000002")]

    assert current(ours(), *same) == "gke-serving-l4-00000002"


@pytest.mark.parametrize("created", ["", "yesterday", "2026-11-18T00:00:00"])
def test_a_candidate_of_unknown_age_is_refused(created: str) -> None:
    outcome = current(ours(), template(), template("gke-serving-l4-00000002", created=created))

    assert isinstance(outcome, Refusal)
    assert "gke-serving-l4-00000002" in outcome.reason


# Cluster, pool and template as public records show them; sources in docs/designs/which-template-is-gkes.md.
@pytest.mark.parametrize(
    ("cluster", "pool", "name"),
    [
        ("eugene-cluster", "default-pool", "gke-eugene-cluster-default-pool-31a27d4b"),
        ("cluster-sample-ke4qs", "nodepool-sample-ke4qs", "gke-cluster-sample-k-nodepool-sample--73473afd"),
        ("low-touch-hubs-cluster", "core-pool", "gke-low-touch-hubs-cluster-core-pool-097eafe9"),
    ],
)
def test_the_prefix_for_listing_holds_for_names_that_gke_gave(cluster: str, pool: str, name: str) -> None:
    assert name.startswith(gke_template.name_prefix(PoolRef(ClusterRef("p", "l", cluster), pool)))
