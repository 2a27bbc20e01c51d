import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.boot_images import provenance
from poolwright.boot_images.provenance import Provenance
from poolwright.boot_images.resources import InstanceTemplate
from tests.unit.boot_images.examples import template


@given(st.text(), st.integers(0, 10**18), st.text(), st.text())
def test_what_is_written_is_read_back(environment: str, run_id: int, image: str, gke_template: str) -> None:
    written = Provenance(environment=environment, run_id=run_id, image=image, gke_template=gke_template)

    assert provenance.read(written.render()) == written
    assert provenance.is_ours(InstanceTemplate(template(description=written.render())))


def test_the_text_has_the_documented_fields() -> None:
    written = Provenance(environment="dev", run_id=42, image="i", gke_template="g").render()

    assert written == '{"poolwright":1,"environment":"dev","runId":42,"image":"i","gkeTemplate":"g"}'


@pytest.mark.parametrize(
    "description",
    ["", "made by hand", "[]", '{"environment":"dev","runId":1,"image":"i","gkeTemplate":"g"}', "[" * 100_000],
)
def test_any_other_description_is_none_of_ours(description: str) -> None:
    assert provenance.read(description) is None


def test_fields_that_a_later_version_adds_do_not_make_it_foreign() -> None:
    text = '{"poolwright":2,"environment":"dev","runId":1,"image":"i","gkeTemplate":"g","more":[]}'

    found = provenance.read(text)

    assert found is not None and found.poolwright == 2
