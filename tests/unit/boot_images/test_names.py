import re

from hypothesis import example, given
from hypothesis import strategies as st

from poolwright.boot_images import mutation
from poolwright.boot_images.substitutions import (
    Substitutions,
)
from tests.unit.boot_images.examples import image, template
from tests.unit.boot_images.planning import GKE, mutated

LEGAL_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")  # RFC 1035, as the API reference has it


NAME_PART = st.from_regex(r"[a-z]([-a-z0-9]{0,37}[a-z0-9])?", fullmatch=True)


@given(NAME_PART, NAME_PART, st.integers(1, 40), st.integers(0, 10**18 - 1))
@example("c" * 39, "p" * 39, 40, 10**18 - 1)
@example("c" * 39, "p" * 39, 40, 0)
def test_names_are_legal_for_every_cluster_and_pool_and_say_the_run_id(
    cluster: str, pool: str, cut: int, run_id: int
) -> None:
    gke_name = f"gke-{cluster[:cut]}-{pool}"[:54] + "-0123abcd"  # how GKE shortens is not documented: any cut must do

    name = mutation.name_of(gke_name, run_id, {})

    assert LEGAL_NAME.match(name)
    assert mutation.run_id_of(name) == run_id
    assert mutation.run_id_of(gke_name) is None
    assert name.startswith("gke-")


def test_a_name_keeps_gkes_prefix_and_leaves_gkes_hash_out() -> None:
    name = mutation.name_of("gke-cluster-sample-k-nodepool-sample--73473afd", 42, {})

    assert re.match(r"gke-cluster-sample-k-nodepool-sample-pw-42-[0-9a-f]{10}\Z", name)


@given(
    first=st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
    second=st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
)
def test_names_differ_exactly_when_the_content_does(first: dict[str, str], second: dict[str, str]) -> None:
    names = mutation.name_of(GKE, 42, first), mutation.name_of(GKE, 42, dict(reversed(second.items())))

    assert (names[0] == names[1]) == (first == second)


def test_every_ingredient_is_in_the_name() -> None:
    outcomes = [
        mutated(),
        mutated(wanted=Substitutions()),
        mutated(boot_image=image(43)),
        mutated(boot_image=image(selfLink="https://www.googleapis.com/compute/v1/projects/p/global/images/other")),
        mutated(gke=template("gke-serving-l4-00000000")),
        mutated(gke=template(propertyOfTomorrow=[])),
    ]

    assert len({outcome.name for outcome in outcomes}) == len(outcomes)
