from poolwright.boot_images import mutation
from poolwright.boot_images.outcomes import AlreadyRight, Refusal, Rollback
from poolwright.boot_images.resources import InstanceGroup, InstanceTemplate
from tests.unit.boot_images.examples import group, template
from tests.unit.boot_images.planning import mutated


def test_a_rollback_points_the_group_at_gkes_latest_template() -> None:
    ours = InstanceTemplate(mutated().body.reveal())
    newer = InstanceTemplate(template("gke-serving-l4-99999999"))

    outcome = mutation.rollback(group=InstanceGroup(group(ours.name)), gke_template=newer, current_template=ours)

    assert isinstance(outcome, Rollback)
    assert outcome.patch["instanceTemplate"] == "projects/acme-gpu/global/instanceTemplates/gke-serving-l4-99999999"
    assert outcome.patch["fingerprint"] == "kfdsuH"


def test_a_rollback_to_a_regional_template_says_its_region() -> None:
    ours = InstanceTemplate(mutated().body.reveal())
    compute = "https://www.googleapis.com/compute/v1/projects/acme-gpu/regions/us-central1"
    newer = template("gke-serving-l4-99999999") | {
        "region": compute,
        "selfLink": f"{compute}/instanceTemplates/gke-serving-l4-99999999",
    }

    outcome = mutation.rollback(
        group=InstanceGroup(group(ours.name)), gke_template=InstanceTemplate(newer), current_template=ours
    )

    assert isinstance(outcome, Rollback)
    assert outcome.link == "projects/acme-gpu/regions/us-central1/instanceTemplates/gke-serving-l4-99999999"
    assert outcome.patch["versions"] == [{"instanceTemplate": outcome.link}]


def test_a_rollback_of_a_group_on_gkes_latest_has_nothing_to_do() -> None:
    gke = InstanceTemplate(template())

    outcome = mutation.rollback(group=InstanceGroup(group()), gke_template=gke, current_template=gke)

    assert isinstance(outcome, AlreadyRight)


def test_a_rollback_is_refused_where_a_new_template_would_replace_nodes_or_is_not_gkes() -> None:
    gke, ours = InstanceTemplate(template()), InstanceTemplate(mutated().body.reveal())
    proactive = InstanceGroup(group(ours.name, updatePolicy={"type": "PROACTIVE"}))

    refused = mutation.rollback(group=proactive, gke_template=gke, current_template=ours)
    ambiguous = mutation.rollback(group=InstanceGroup(group(ours.name)), gke_template=ours, current_template=ours)

    assert isinstance(refused, Refusal) and refused.kind == "proactive"
    allowed = mutation.rollback(group=proactive, gke_template=gke, current_template=ours, node_policy="replace")
    assert isinstance(allowed, Rollback)
    assert isinstance(ambiguous, Refusal) and ambiguous.kind == "ambiguous"
