"""What checks make of answers that the stand-in does not give."""

from __future__ import annotations

from typing import Any

import pytest

from poolwright.services.doctor import examine
from poolwright.services.doctor.checks import (
    clocks,
    environment_files,
    identities,
    images,
    network,
    provisioners,
    quotas,
    subscriptions,
    ticks,
)
from poolwright.services.doctor.findings import Unknown
from poolwright.services.doctor.observing import ME
from poolwright.services.doctor.observing import STEP as OF_STEP
from poolwright.services.doctor.permissions import FUNCTIONS
from poolwright.services.ports import Endpoints, Listed, ReservationAffinity
from tests.unit.doctor.seen import (
    OWN,
    STEP,
    Json,
    cluster,
    deployed,
    fleet,
    function,
    pool,
    project,
    provisioner,
    publishers,
    sight,
    wrong,
)  # fmt: skip

UNREAD = Unknown("no answer: 503", "Try again in a minute")


# clocks


@pytest.mark.parametrize(
    ("offsets", "says"),
    [
        ((95.0, 100.0, 105.0), "its clock is 100 s behind Google's"),
        ((-100.0,), "its clock is 100 s ahead of Google's"),
        ((0.2, -0.3, 400.0), ""),  # one slow answer says nothing
        ((), "no answer of Google's told the time"),
    ],
)
def test_a_clock_that_is_wrong_is_told_by_the_middle_of_all_answers(offsets: tuple[float, ...], says: str) -> None:
    assert [what for _, _, what in wrong(clocks.check(sight(offsets=offsets)))] == ([says] if says else [])


# network path


def test_a_function_that_rbac_does_not_let_in_is_a_problem_and_a_person_is_warned() -> None:
    reviews = {(OF_STEP, "patch nodes"): False, (ME, "list configmaps in namespace poolwright"): False}
    assert wrong(network.check(sight(cluster(reviews=reviews)))) == [
        ("problem", "serving", "function step may not patch nodes"),
        ("warning", "serving", "you may not list configmaps in namespace poolwright"),
    ]


def test_a_review_that_one_may_not_ask_for_is_unknown() -> None:
    seen = sight(cluster(reviews={(OF_STEP, "patch nodes"): UNREAD}))
    assert [severity for severity, _, _ in wrong(network.check(seen))] == ["unknown"]


@pytest.mark.parametrize(
    ("ways", "config", "reached"),
    [
        (Endpoints(public=True), {}, True),
        (Endpoints(public=False), {}, False),
        (Endpoints(public=False), {"vpcConnector": "projects/acme/locations/us-central1/connectors/c"}, True),
        (Endpoints(public=False, dns="gke-1.us-central1.gke.goog"), {}, True),
        (Endpoints(public=True, authorized=("10.0.0.0/8",)), {}, False),
        (Endpoints(public=True, authorized=("10.0.0.0/8",), dns="gke-1.us-central1.gke.goog"), {}, True),
    ],
)
def test_the_way_of_the_functions_is_told_by_endpoints_and_connector(
    ways: Endpoints, config: Json, reached: bool
) -> None:
    seen = sight(cluster(endpoints=ways), deployed=deployed(functions=[function("step", **config)]))
    assert bool(wrong(network.check(seen))) is not reached


# IAM


def policy(*roles: str) -> Json:
    return {"bindings": [{"role": role, "members": [f"serviceAccount:{STEP}"]} for role in roles]}


def of_step(seen: Any) -> list[tuple[str, str, str]]:
    return [each for each in wrong(identities.check(seen)) if "poolwright-step@" in each[2]]


@pytest.mark.parametrize(
    ("roles", "own", "severity"),
    [
        (("projects/acme/roles/poolwright_step",), FUNCTIONS["step"], ""),
        (("projects/acme/roles/poolwright_step",), FUNCTIONS["step"] - {"compute.disks.create"}, "problem"),
        ((), FUNCTIONS["step"], "problem"),
        (("roles/compute.instanceAdmin.v1",), frozenset(), "unknown"),
        (("roles/editor",), frozenset(), "warning"),
    ],
)
def test_what_a_function_may_is_what_its_roles_bring(
    roles: tuple[str, ...], own: frozenset[str], severity: str
) -> None:
    seen = project(policy=policy(*roles), roles={"projects/acme/roles/poolwright_step": own})
    assert [each[0] for each in of_step(sight(projects={OWN: seen}))] == ([severity] if severity else [])


@pytest.mark.parametrize(("dns", "lacks"), [("", False), ("gke-1.us-central1.gke.goog", True)])
def test_a_dns_based_endpoint_takes_one_permission_more(dns: str, lacks: bool) -> None:
    role = "projects/acme/roles/poolwright_step"
    seen = project(policy=policy(role), roles={role: FUNCTIONS["step"]})
    found = of_step(sight(cluster(endpoints=Endpoints(dns=dns)), projects={OWN: seen}))
    assert [what.endswith("lacks container.clusters.connect") for _, _, what in found] == ([True] if lacks else [])


def test_a_role_on_the_whole_project_lets_step_act_as_nodes() -> None:
    email = "42-compute@developer.gserviceaccount.com"
    lacking = sight(cluster(pool()), accounts={email: {"bindings": []}})
    whole = sight(
        cluster(pool()), accounts={email: {"bindings": []}},
        projects={OWN: project(policy=policy("roles/iam.serviceAccountUser"))},
    )  # fmt: skip
    assert [each[1] for each in of_step(lacking) if "act as" in each[2]] == [email]
    assert [each for each in of_step(whole) if "act as" in each[2]] == []


# quotas


def quota(metric: str, limit: float, usage: float) -> Json:
    return {"metric": metric, "limit": limit, "usage": usage}


def of_quotas(*listed: Json, **facts: Any) -> list[tuple[str, str, str]]:
    """A pool of two GPUs a node and one node, which may have three."""
    seen = cluster(pool(**facts), provisioners=[provisioner()])
    return wrong(quotas.check(sight(seen, fleets={OWN: fleet(region_quotas={"us-central1": list(listed)})})))


def test_what_provisioners_may_ask_for_is_held_against_what_is_left() -> None:
    assert of_quotas(quota("NVIDIA_L4_GPUS", 6, 2)) == []
    [(severity, where, what)] = of_quotas(quota("NVIDIA_L4_GPUS", 5, 2))
    assert (severity, where) == ("warning", "acme/us-central1")
    assert what == "NVIDIA_L4_GPUS: 2 of 5 are used, and provisioners may ask for 4 more"


def test_spot_vms_use_the_preemptible_quota_where_there_is_one() -> None:
    plenty, little = quota("NVIDIA_L4_GPUS", 100, 2), quota("PREEMPTIBLE_NVIDIA_L4_GPUS", 1, 0)
    assert "PREEMPTIBLE_NVIDIA_L4_GPUS" in of_quotas(plenty, little, spot=True)[0][2]
    assert of_quotas(plenty, {**little, "limit": 0}, spot=True) == []
    assert of_quotas(plenty, little) == []


def test_a_family_whose_quota_is_of_another_kind_is_unknown() -> None:
    assert [each[0] for each in of_quotas(accelerators=("nvidia-b200",))] == ["unknown"]


def test_templates_that_are_nearly_used_up_are_told() -> None:
    seen = sight(fleets={OWN: fleet(project_quotas=[quota("INSTANCE_TEMPLATES", 100, 95)])})
    assert wrong(quotas.check(seen)) == [("warning", "acme", "INSTANCE_TEMPLATES: 95 of 100 are used")]


# image policy


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ([], True),
        ([{"allowAll": True}], True),
        ([{"denyAll": True}], False),
        ([{"values": {"allowedValues": ["projects/gke-node-images", "projects/debian-cloud"]}}], True),
        ([{"values": {"allowedValues": ["is:projects/debian-cloud"]}}], False),
        ([{"values": {"deniedValues": ["is:projects/gke-node-images"]}}], False),
        ([{"values": {"deniedValues": ["projects/debian-cloud"]}}], True),
    ],
)
def test_a_policy_is_read_as_the_organization_means_it(rules: list[Json], allowed: bool) -> None:
    seen = sight(fleets={OWN: fleet(trusted_images={"rules": rules})})
    assert (wrong(images.check(seen)) == []) is allowed


def test_whether_groups_may_read_images_by_a_narrower_role_is_unknown() -> None:
    agent = "serviceAccount:42@cloudservices.gserviceaccount.com"

    def found(*roles: str) -> list[str]:
        bindings = [{"role": role, "members": [agent]} for role in roles]
        return [each[0] for each in wrong(images.check(sight(projects={OWN: project(policy={"bindings": bindings})})))]

    assert found("roles/compute.imageUser", "roles/custom") == []
    assert found("roles/custom") == ["unknown"]
    assert found() == ["problem"]


def test_images_of_the_family_that_are_none_of_ours_are_told() -> None:
    seen = sight(images={"dev": [{"name": "poolwright-dev-1", "selfLink": "x", "status": "READY"}]})
    assert [each[2] for each in wrong(images.check(seen))] == ["no image of family poolwright-dev has our labels"]


# environment files


def test_a_reservation_that_is_not_there_is_a_problem_and_one_of_another_project_is_not_looked_for() -> None:
    def found(name: str, *there: str) -> list[tuple[str, str, str]]:
        consumes = ReservationAffinity("SPECIFIC_RESERVATION", (name,))
        listed = Listed(tuple({"name": each, "zone": "zones/us-central1-a"} for each in there))
        seen = cluster(pool(reservation=consumes, locations=("us-central1-a",)))
        return wrong(environment_files.check(sight(seen, fleets={OWN: fleet(reservations=listed)})))

    assert found("l4s", "l4s") == []
    assert [(severity, where) for severity, where, _ in found("l4s")] == [("problem", "serving/l4")]
    assert found("projects/shared/reservations/l4s") == []


# provisioners


def test_a_definition_of_another_release_is_a_problem() -> None:
    found = wrong(provisioners.check(sight(cluster(versions=["v1"]))))
    assert [(severity, where) for severity, where, _ in found] == [("problem", "serving")]


def test_two_provisioners_of_one_group_are_told_of_both() -> None:
    seen = cluster(pool(), provisioners=[provisioner("a"), provisioner("b")])
    found = wrong(provisioners.check(sight(seen)))
    assert {where for severity, where, _ in found if severity == "problem"} == {"serving/a", "serving/b"}


def test_a_policy_about_a_cluster_that_is_not_looked_at_is_left_alone() -> None:
    labels = {"poolwright_provisioner": "x", "poolwright_cluster": "another", "poolwright_location": "us-east4"}
    alerts = [{"name": "p", "displayName": "x busy", "userLabels": labels, "notificationChannels": ["c"]}]
    assert wrong(provisioners.check(sight(cluster(), fleets={OWN: fleet(alerts=alerts)}))) == []


# subscriptions


def test_a_project_of_the_fleet_beside_ours_has_topics_of_its_own_that_must_be_listened_to() -> None:
    other = "acme-prod"
    seen = sight(
        projects={OWN: project(), other: project()}, fleets={OWN: fleet(), other: fleet()},
        deployed=deployed(publishers=publishers(OWN, other)),
    )  # fmt: skip
    found = {what for _, _, what in wrong(subscriptions.check(seen))}
    for topic in ("cloud-builds", "gke-notifications"):
        assert any(f"the messages of projects/{other}/topics/{topic} " in what for what in found)
    assert not any(f"projects/{other}/topics/work" in what for what in found)


# ticks


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"status": {"code": 7, "message": "denied"}}, "failed last: denied"),
        ({"schedule": "0 * * * *"}, "not each minute"),
    ],
)
def test_a_job_that_fails_or_is_slow_is_told(fields: Json, says: str) -> None:
    job = {
        "name": f"projects/{OWN}/locations/us-central1/jobs/tick", "state": "ENABLED", "schedule": "* * * * *",
        "pubsubTarget": {"topicName": f"projects/{OWN}/topics/ticks"},
    }  # fmt: skip
    found = wrong(ticks.check(sight(deployed=deployed(jobs=[{**job, **fields}]))))
    assert [says in what for _, _, what in found] == [True]


def test_a_stop_that_is_in_force_is_told() -> None:
    found = wrong(ticks.check(sight(deployed=deployed(stop="poolwright is stopped since noon by ada."))))
    assert ("warning", "store", "poolwright is stopped since noon by ada.") in found


# all of them


def test_a_check_that_stumbles_costs_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def stumbles(seen: Any) -> Any:
        raise KeyError("zone")

    monkeypatch.setitem(examine.CHECKS, "clocks", stumbles)
    findings = examine.examine(sight(cluster())).findings
    assert [each.what for each in findings if each.check == "clocks"] == [
        "this should not have happened: KeyError: 'zone'"
    ]
    assert {each.check for each in findings} >= {"APIs", "quotas"}


def test_where_nothing_is_known_every_check_has_something_to_say() -> None:
    nothing = project(number=UNREAD, apis=UNREAD, mine=UNREAD, policy=UNREAD, roles=UNREAD)
    unread = fleet(
        trusted_images=UNREAD, region_quotas=UNREAD, project_quotas=UNREAD, groups=UNREAD, reservations=UNREAD,
        alerts=UNREAD,
    )  # fmt: skip
    silent = deployed(
        publishers=publishers(policy=UNREAD),
        functions=UNREAD,
        jobs=UNREAD,
        topics=UNREAD,
        subscriptions=UNREAD,
        oldest=UNREAD,
        stop=UNREAD,
    )
    seen = sight(projects={OWN: nothing}, fleets={OWN: unread}, deployed=silent, images={"dev": UNREAD}, offsets=())
    found = examine.examine(seen).findings
    assert {each.severity for each in found} <= {"unknown", "ok"}
    assert not any("should not have happened" in each.what for each in found)
