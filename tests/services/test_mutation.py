"""Mutation and roll-back of instance groups, by the calls that they cost and by what GKE does meanwhile."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from poolwright.boot_images.kube_env import KubeEnv
from poolwright.boot_images.provenance import read
from poolwright.events.work import GroupWork
from poolwright.references import GroupRef, last_part
from poolwright.services import look_at_group, released
from poolwright.services.work import group_work
from poolwright.verdicts import Busy
from tests.chaos.flows.world import (
    CLUSTER,
    GKE,
    L4,
    MANAGER,
    NAME,
    PROJECT,
    command,
    groups,
    image,
    phase,
    release,
    runs,
    stored,
    table,
)
from tests.chaos.harness import Flow, Json
from tests.services.conftest import Begin

COMPUTE = "compute.googleapis.com"


def released_only(flow: Flow, *, run_id: int) -> None:
    """An image is released, and no group is on it yet."""
    released.release(flow.ports, NAME, run_id=run_id, image=image(flow, run_id=run_id), groups=[])


def first(flow: Flow) -> GroupRef:
    group = groups(flow, L4)[0]
    return GroupRef(PROJECT, last_part(group["zone"]), group["name"])


def work(flow: Flow) -> GroupWork:
    return group_work(first(flow), L4, cause="a test")


def compute_calls(flow: Flow) -> Counter[str]:
    return Counter(each.method for each in flow.stack.world.calls if each.host == COMPUTE)


def writes(flow: Flow) -> list[str]:
    return [each.method for each in flow.stack.world.calls.mutating() if not each.host.startswith("pubsub")]


def template(flow: Flow, group: GroupRef | None = None) -> Json:
    """The template that a group points at."""
    manager = table(flow, "compute.instanceGroupManagers")[str(group or first(flow))]
    return dict(table(flow, "compute.instanceTemplates")[manager["instanceTemplate"].partition("/compute/v1/")[2]])


def kube_env(raw: Json) -> KubeEnv:
    return KubeEnv.parse(
        next(each["value"] for each in raw["properties"]["metadata"]["items"] if each["key"] == "kube-env")
    )


def issue(flow: Flow, change: Callable[[Json], None], *, name: str = "00000001") -> str:
    """GKE issues a newer template for the first group's pool, and does not point the group at it."""
    rows = table(flow, "compute.instanceTemplates")
    ours = template(flow)
    origin = read(ours.get("description", ""))
    (path,) = [each for each in rows if last_part(each) == (origin.gke_template if origin else ours["name"])]
    fresh = copy.deepcopy(rows[path])
    fresh["name"] = f"{fresh['name'].rpartition('-')[0]}-{name}"
    fresh["creationTimestamp"] = flow.stack.world.simulation.timestamp()
    fresh["selfLink"] = f"{fresh['selfLink'].rpartition('/')[0]}/{fresh['name']}"
    change(fresh)
    rows[f"{path.rpartition('/')[0]}/{fresh['name']}"] = fresh
    return str(fresh["name"])


def told(raw: Json, text: str) -> None:
    """Says something else in its startup script."""
    raw["properties"]["metadata"]["items"].append({"key": "news", "value": text})


def test_a_mutated_group_costs_five_calls_and_a_poll_for_each_operation(begin: Begin) -> None:
    flow = begin()
    released_only(flow, run_id=1)
    flow.stack.world.calls.clear()
    look_at_group.handle(work(flow), flow.ports)
    calls = compute_calls(flow)
    polls = Counter({method: count for method, count in calls.items() if method.endswith(".Wait")})
    assert sum((calls - polls).values()) == 5
    assert calls["instance_templates.Insert"] + calls["region_instance_templates.Insert"] == 1
    assert calls["instance_group_managers.Patch"] == 1
    assert not [method for method in calls if "List" in method]
    assert all(count <= 2 for count in polls.values())
    assert sum(polls.values()) <= 4


def test_nothing_is_written_when_nothing_is_to_be_done(begin: Begin) -> None:
    flow = begin()
    released_only(flow, run_id=1)
    look_at_group.handle(work(flow), flow.ports)
    flow.stack.world.calls.clear()
    look_at_group.handle(work(flow), flow.ports)
    assert writes(flow) == []
    lists = [method for method in compute_calls(flow) if "List" in method]
    assert lists == ["instance_templates.AggregatedList"]


def test_a_template_that_gke_sets_between_plan_and_act_is_not_overwritten(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = begin()
    release(flow, run_id=1)
    flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), labels={"labels": {"team": "first"}})
    flow.there(lambda: flow.stack.world.simulation.advance(600))
    insert = flow.ports.compute.begin_template

    def gke_is_faster(*arguments: Any, **more: Any) -> str:
        operation = insert(*arguments, **more)
        flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), labels={"labels": {"team": "second"}})
        flow.there(lambda: flow.stack.world.simulation.advance(600))
        return operation

    monkeypatch.setattr(flow.ports.compute, "begin_template", gke_is_faster)
    with pytest.raises(Busy, match="changed while it was looked at"):
        look_at_group.handle(work(flow), flow.ports)
    monkeypatch.undo()
    assert runs(flow, L4) == {None}
    look_at_group.handle(work(flow), flow.ports)
    labels = kube_env(template(flow)).get("AUTOSCALER_ENV_VARS")
    assert labels is not None
    assert "team=second" in labels.reveal()
    recorded = [each["what"] for each in stored(flow, "records") if each["subject"] == str(first(flow))]
    assert len([what for what in recorded if what.startswith("not done: to be put on")]) == 1
    assert flow.ports.store.all("intents") == []


def test_a_template_that_gke_sets_while_a_rollout_makes_ours_is_not_overwritten(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = begin()
    image(flow, run_id=1)
    finish = flow.ports.compute.finish_template
    moved: list[str] = []

    def gke_is_faster(operation: str) -> None:
        finish(operation)
        if not moved:
            moved.append(operation)
            flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), labels={"labels": {"team": "second"}})
            flow.there(lambda: flow.stack.world.simulation.advance(600))

    monkeypatch.setattr(flow.ports.compute, "finish_template", gke_is_faster)
    command(flow, "start")
    flow.until(lambda: bool(moved), what="GKE's own change")
    assert [each.code for each in flow.stack.world.calls if each.method == "instance_group_managers.Patch"] == [412]
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")
    assert runs(flow, L4) == {1}
    for group in groups(flow, L4):
        ref = GroupRef(PROJECT, last_part(group["zone"]), group["name"])
        labels = kube_env(template(flow, ref)).get("AUTOSCALER_ENV_VARS")
        assert labels is not None
        assert "team=second" in labels.reveal()


def test_a_newer_template_of_gke_is_taken_up_though_the_group_still_points_at_ours(begin: Begin) -> None:
    flow = begin()
    release(flow, run_id=1)
    before = template(flow)["name"]
    flow.there(lambda: flow.stack.world.simulation.advance(5))
    issued = issue(flow, lambda raw: told(raw, "of tomorrow"))
    flow.publish("ticks", {})
    flow.until(lambda: template(flow)["name"] != before, what="a template of ours made from GKE's newer one", minutes=5)
    origin = read(template(flow)["description"])
    assert origin is not None
    assert origin.gke_template == issued
    assert {"key": "news", "value": "of tomorrow"} in template(flow)["properties"]["metadata"]["items"]


def test_two_candidates_for_gkes_template_are_refused_with_the_reason(begin: Begin) -> None:
    flow = begin()
    release(flow, run_id=1)
    before = template(flow)["name"]
    issue(flow, lambda raw: told(raw, "one"), name="00000001")
    issue(flow, lambda raw: told(raw, "another"), name="00000002")
    flow.stack.world.calls.clear()
    look_at_group.handle(work(flow), flow.ports)
    assert template(flow)["name"] == before
    (refusal,) = stored(flow, "refusals")
    assert refusal["kind"] == "ambiguous"
    assert "00000001 and " in refusal["reason"]
    assert writes(flow) == []


@pytest.mark.slow
def test_after_a_rotation_of_the_ca_a_roll_back_yields_the_template_with_the_new_one(begin: Begin) -> None:
    flow = begin()
    image(flow, run_id=1)
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")
    old = {key: kube_env(template(flow)).get(key) for key in ("CA_CERT", "CA_CERT_BUNDLE")}
    flow.ask(GKE, f"{MANAGER}.StartIPRotation", name=str(CLUSTER), rotateCredentials=True)
    flow.pass_time(900)
    flow.ask(GKE, f"{MANAGER}.CompleteIPRotation", name=str(CLUSTER))
    flow.pass_time(900)
    assert runs(flow, L4) == {1}
    command(flow, "rollback")
    flow.until(lambda: runs(flow, L4) == {None}, what="GKE's own templates")
    new = {key: kube_env(template(flow)).get(key) for key in old}
    assert [value.reveal() for value in new.values() if value] != [value.reveal() for value in old.values() if value]
    rows = [
        each for each in table(flow, "compute.instanceTemplates").values() if read(each.get("description", "")) is None
    ]
    assert template(flow)["creationTimestamp"] == max(each["creationTimestamp"] for each in rows)


@pytest.mark.slow
def test_a_node_that_is_made_after_a_rotation_and_a_roll_back_has_the_new_ca_and_joins(begin: Begin) -> None:
    flow = begin()
    image(flow, run_id=1)
    command(flow, "start")
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")
    old = kube_env(template(flow)).get("CA_CERT")
    flow.ask(GKE, f"{MANAGER}.StartIPRotation", name=str(CLUSTER), rotateCredentials=True)
    flow.pass_time(900)
    flow.ask(GKE, f"{MANAGER}.CompleteIPRotation", name=str(CLUSTER))
    flow.pass_time(900)
    command(flow, "rollback")
    flow.until(lambda: runs(flow, L4) == {None}, what="GKE's own templates")
    flow.ask(GKE, f"{MANAGER}.SetNodePoolSize", name=str(L4), nodeCount=1)
    flow.pass_time(900)
    now = table(flow, "gke.clusters")[str(CLUSTER)]["masterAuth"]["clusterCaCertificate"]
    made = [kube_env({"properties": each}) for each in table(flow, "compute.instances").values()]
    assert [ca.reveal() for each in made if (ca := each.get("CA_CERT"))] == [now] * 3
    assert old is not None
    assert old.reveal() != now
    nodes = flow.there(lambda: flow.kubernetes(CLUSTER).list("nodes"))
    ready = [each for node in nodes for each in node["status"]["conditions"] if each["type"] == "Ready"]
    assert [each["status"] for each in ready] == ["True"] * 3


def test_regional_templates_of_gke_have_regional_copies(begin: Begin) -> None:
    flow = begin()
    released_only(flow, run_id=1)
    manager = table(flow, "compute.instanceGroupManagers")[str(first(flow))]
    raw = template(flow)
    place = f"projects/{PROJECT}/regions/us-central1"
    link = f"{manager['instanceTemplate'].partition('/projects/')[0]}/{place}/instanceTemplates/{raw['name']}"
    region = link.rpartition("/instanceTemplates/")[0]
    regional = {**raw, "selfLink": link, "region": region}
    table(flow, "compute.instanceTemplates")[f"{place}/instanceTemplates/{raw['name']}"] = regional
    manager["instanceTemplate"] = link
    manager["versions"] = [{**each, "instanceTemplate": link} for each in manager["versions"]]
    look_at_group.handle(work(flow), flow.ports)
    assert f"/{place}/instanceTemplates/" in manager["instanceTemplate"]
    assert runs(flow, L4) == {None, 1}
    flow.stack.world.calls.clear()
    look_at_group.handle(work(flow), flow.ports)
    assert writes(flow) == []
