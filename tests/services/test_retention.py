"""What nothing names any more goes after the grace period, and nothing else does."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from poolwright.entries import Entry
from poolwright.references import last_part
from poolwright.rollouts.forgetting import KEPT, KEPT_SECONDS
from poolwright.rollouts.rollout import encode
from poolwright.services import intents, known_rollouts, rollout_seen
from poolwright.services.intents import Intent
from poolwright.services.ports import Listed
from tests.chaos.flows.world import GKE, L4, MANAGER, NAME, command, groups, image, phase, release, runs, stored, table
from tests.chaos.harness import Flow
from tests.services.conftest import Begin
from tests.services.test_mutation import compute_calls, template, writes

HOUR = 3600.0
SOON = {"retention": {"graceSeconds": 2 * HOUR, "images": 1}}


def ours(flow: Flow) -> set[str]:
    return {last_part(each) for each in table(flow, "compute.instanceTemplates") if "-pw-" in each}


def boot_images(flow: Flow) -> set[str]:
    return {last_part(each) for each in table(flow, "compute.images") if f"/poolwright-{NAME}-" in each}


def in_use(flow: Flow) -> set[str]:
    return {last_part(each["instanceTemplate"]) for each in groups(flow, L4)}


def change(flow: Flow, value: str) -> None:
    """GKE issues other templates, and ours follow."""
    before = in_use(flow)
    flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), labels={"labels": {"team": value}})
    flow.until(lambda: not before & in_use(flow) and runs(flow, L4) == {1}, what="our templates on the new ones")


def grow(flow: Flow, *, to: int) -> None:
    flow.ask(GKE, f"{MANAGER}.SetNodePoolSize", name=str(L4), nodeCount=to)
    flow.pass_time(600)


def later(flow: Flow, hours: int) -> None:
    """Hours go by, with one tick in each."""
    for _ in range(hours):
        flow.there(lambda: flow.stack.world.simulation.advance(HOUR))
        flow.publish("ticks", {})
        flow.settle()


def roll_out(flow: Flow, run_id: int) -> None:
    image(flow, run_id=run_id)
    command(flow, "start")
    flow.until(lambda: phase(flow, run_id) == "done", what="the end of the rollout")


def test_templates_of_an_old_run_go_after_the_grace_period_and_not_before(begin: Begin) -> None:
    flow = begin(**SOON)
    release(flow, run_id=1)
    old = in_use(flow)
    roll_out(flow, 2)
    assert old < ours(flow)
    later(flow, 2)
    assert old < ours(flow)
    later(flow, 2)
    assert ours(flow) == in_use(flow)
    told = [
        each["what"] for each in stored(flow, "records") if each["kind"] == "retention" and "template" in each["what"]
    ]
    assert sorted(told) == sorted(f"template {name} is {what}" for name in old for what in ("to be deleted", "deleted"))
    assert flow.ports.store.all("intents") == []


def test_former_templates_of_the_released_run_go_too(begin: Begin) -> None:
    flow = begin(**SOON)
    release(flow, run_id=1)
    old = in_use(flow)
    change(flow, "chaos")
    assert old < ours(flow)
    later(flow, 4)
    assert ours(flow) == in_use(flow)


def test_a_template_that_a_group_is_about_to_be_put_on_stays(begin: Begin) -> None:
    flow = begin(**SOON)
    release(flow, run_id=1)
    wanted = min(in_use(flow))
    change(flow, "chaos")
    entry = Entry(kind="mutation", subject="somewhere", what="on its way", at=1e12, after=wanted)
    never = Intent(decision=entry, effect=entry)
    intents.begin(flow.ports, never, happened=lambda left: False)
    later(flow, 4)
    assert ours(flow) == in_use(flow) | {wanted}


@pytest.mark.slow
def test_a_template_that_a_member_was_made_from_stays(begin: Begin) -> None:
    flow = begin(**SOON)
    release(flow, run_id=1)
    grow(flow, to=1)
    old = in_use(flow)
    roll_out(flow, 2)
    later(flow, 6)
    assert old < ours(flow)
    grow(flow, to=0)
    later(flow, 6)
    assert ours(flow) == in_use(flow)


@pytest.mark.slow
def test_images_beyond_the_newest_go_but_neither_the_released_one_nor_the_one_before(begin: Begin) -> None:
    flow = begin(**SOON)
    release(flow, run_id=1)
    roll_out(flow, 2)
    roll_out(flow, 3)
    roll_out(flow, 4)
    later(flow, 9)  # templates first, then the images that they named
    assert boot_images(flow) == {f"poolwright-{NAME}-{run_id}" for run_id in (3, 4)}


@pytest.mark.slow
@pytest.mark.parametrize("what", ["disk", "template"])
def test_an_image_that_somebody_names_stays(begin: Begin, what: str) -> None:
    flow = begin(**SOON)
    if what == "disk":
        image(flow, run_id=1)
        link = table(flow, "compute.images")[f"projects/chaos-gpu/global/images/poolwright-{NAME}-1"]["selfLink"]
        disk = {"name": "kept", "zone": "us-central1-a", "sourceImage": link}
        table(flow, "compute.disks")["projects/chaos-gpu/zones/us-central1-a/disks/kept"] = disk
    release(flow, run_id=2)
    if what == "template":
        somebodys = {**template(flow), "name": "somebodys", "description": "of somebody"}
        somebodys["selfLink"] = somebodys["selfLink"].replace(last_part(somebodys["selfLink"]), "somebodys")
        scope = somebodys["selfLink"].partition("/compute/v1/")[2]
        table(flow, "compute.instanceTemplates")[scope] = somebodys
    for run_id in (3, 4, 5):
        roll_out(flow, run_id)
    later(flow, 9)
    kept = 1 if what == "disk" else 2
    assert boot_images(flow) == {f"poolwright-{NAME}-{run_id}" for run_id in (kept, 4, 5)}


def test_nothing_goes_while_a_place_does_not_answer(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    flow = begin(**SOON)
    release(flow, run_id=1)
    roll_out(flow, 2)
    before = ours(flow), boot_images(flow)
    whole = flow.ports.compute.templates_in_brief
    silent = frozenset({"us-central1"})
    monkeypatch.setattr(flow.ports.compute, "templates_in_brief", lambda project: Listed(whole(project).items, silent))
    later(flow, 6)
    assert (ours(flow), boot_images(flow)) == before


def test_in_observe_it_is_only_recorded_what_would_go(begin: Begin) -> None:
    flow = begin(mode="observe", **SOON)
    for run_id in (1, 2, 3):
        image(flow, run_id=run_id)
    flow.begin()
    later(flow, 6)
    assert writes(flow) == []
    told = [each["what"] for each in stored(flow, "records") if each["kind"] == "retention"]
    assert sorted(told) == [f"boot image poolwright-{NAME}-{run} would be deleted; mode is observe" for run in (1, 2)]


def test_a_look_at_what_may_go_is_three_lists_an_hour(begin: Begin) -> None:
    flow = begin(**SOON)
    release(flow, run_id=1)
    flow.pass_time(300)
    flow.stack.world.calls.clear()
    later(flow, 4)
    calls = compute_calls(flow)
    assert calls["images.List"] <= 5
    assert calls["disks.AggregatedList"] == 0
    assert writes(flow) == []


def test_documents_of_the_groups_of_a_rollout_go_after_the_grace_period_and_it_is_shown_as_before(
    begin: Begin,
) -> None:
    flow = begin(**SOON)
    roll_out(flow, 1)
    flow.pass_time(300)
    (environment,) = flow.ports.environments
    before = rollout_seen.of(flow.ports, environment)
    assert len(stored(flow, "targets")) == 3
    later(flow, 1)
    assert len(stored(flow, "targets")) == 3
    later(flow, 3)
    assert stored(flow, "targets") == []
    assert rollout_seen.of(flow.ports, environment) == before


def test_documents_of_rollouts_go_in_the_end_but_for_the_newest_and_those_whose_run_is_still_about(
    begin: Begin,
) -> None:
    flow = begin(**SOON)
    roll_out(flow, 1)
    (done,) = known_rollouts.all_of(flow.ports, NAME)
    for number in range(KEPT + 3):
        moment = flow.now() - 2 * KEPT_SECONDS + number
        run_id = 1 if number == 0 else 100 + number
        other = replace(done, id=f"{NAME}-old-{number}", run_id=run_id, created=moment, moved=moment)
        flow.ports.store.put(known_rollouts.COLLECTION, other.id, encode(other), version=None)
    later(flow, 1)
    left = {each.id for each in known_rollouts.all_of(flow.ports, NAME)}
    assert {f"{NAME}-old-{number}" for number in range(KEPT + 3)} - left == {f"{NAME}-old-{n}" for n in (1, 2, 3)}
    assert done.id in left


def test_a_rollout_whose_groups_documents_are_gone_can_be_rolled_back(begin: Begin) -> None:
    flow = begin(**SOON)
    roll_out(flow, 1)
    later(flow, 4)
    assert stored(flow, "targets") == []
    command(flow, "rollback")
    flow.until(lambda: phase(flow, 1) == "rolled back", what="the roll-back")
    assert runs(flow, L4) == {None}
