"""What becomes of a build that ended: only an image that is what was asked for is used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from poolwright.builds.run import BY_HAND, Run
from poolwright.events.rollout_command import RolloutCommand
from poolwright.references import last_part
from poolwright.services import boot_images, image_built, request_build, rollout_command, runs
from poolwright.services.ports import Build
from poolwright.verdicts import Busy, Irrelevant, Refused
from tests.services.builds.conftest import BUILDER, PROJECT, Cloud, Died, Json, Process, environment, processes
from tests.services.builds.test_request_build import LEASE_SECONDS, LINK, NEWER, SOURCE, ask

IMAGE = f"projects/{PROJECT}/global/images/poolwright-dev-1"


def newest(cloud: Cloud) -> Build:
    """The build that was submitted last, as Cloud Build has it."""
    build_id = cloud.builds[-1]["id"]
    return cloud.ports().cloud_build.build(PROJECT, "us-central1", build_id)


def take(cloud: Cloud, process: Process | None = None) -> str:
    return image_built.take(cloud.ports(process), environment=cloud.environment, build=newest(cloud), cause="a test")


def by_hand(cloud: Cloud, **changed: Any) -> None:
    """Somebody submits a build with gcloud."""
    values = {"_ENV": "dev", "_RUN_ID": "42", "_SOURCE_IMAGE": LINK} | changed.pop("substitutions", {})
    body = {
        "steps": [{"name": "packer", "args": ["build", "."]}],
        "tags": ["boot-image", "dev"],
        "substitutions": values,
        "serviceAccount": f"projects/{PROJECT}/serviceAccounts/{BUILDER}",
        "options": {"logging": "CLOUD_LOGGING_ONLY", "substitutionOption": "ALLOW_LOOSE"},
    }
    cloud.ports().cloud_build.create(PROJECT, "us-central1", body | changed)


def built(cloud: Cloud) -> Json:
    """What is on record of the newest build."""
    stored = cloud.store.get("builds", cloud.builds[-1]["id"])
    assert stored is not None
    return stored.body


def run_of(cloud: Cloud, run_id: int) -> Run:
    found = runs.find(cloud.ports(), "dev", run_id)
    assert found is not None
    return found


def test_a_build_that_goes_on_is_nobodys_business(cloud: Cloud) -> None:
    ask(cloud)
    with pytest.raises(Irrelevant):
        take(cloud)


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "not ready": ({"status": "FAILED"}, "is FAILED, not READY"),
    "withdrawn": ({"deprecated": {"state": "OBSOLETE"}}, "is OBSOLETE"),
    "of another family": ({"family": "somebody"}, "is of family somebody"),
    "for another machine": ({"architecture": "ARM64"}, "is for ARM64, not for X86_64"),
    "of another size": ({"diskSizeGb": "50"}, "has 50 GB, not 100 GB"),
    "older than its build": ({"creationTimestamp": "2020-01-01T00:00:00.000-07:00"}, "is older than the build"),
}
LABELS: dict[str, tuple[str, str, str]] = {
    "another environment": ("poolwright-environment", "production", "was built for production, not for dev"),
    "another run": ("poolwright-run-id", "9", "carries run id 9, not 1"),
    "another source": ("poolwright-source-image", "debian-12", "says it was built on debian-12"),
    "another version": ("poolwright-gke-version", "1-29-1", "is labelled GKE version 1-29-1, not 1-33-5-gke-1080000"),
    "no source": ("poolwright-source-image", "", "has no label poolwright-source-image"),
}


def refuse(cloud: Cloud, change: Callable[[Json], None], why: str) -> None:
    ask(cloud)
    cloud.advance(300)
    cloud.change(lambda: change(cloud.table("compute.images")[IMAGE]))
    said = take(cloud)
    assert said.startswith("image of run 1 is not used: ")
    assert why in said
    assert (run_of(cloud, 1).state, run_of(cloud, 1).reason) == ("refused", said.partition(": ")[2])
    assert (built(cloud)["outcome"], why in built(cloud)["why"]) == ("refused", True)
    assert cloud.store.all("rollouts") == []
    assert ("dev-1", "image of run 1 is not used") in cloud.told()


@pytest.mark.parametrize("case", CHANGES)
def test_an_image_that_is_not_what_was_asked_for_is_refused(cloud: Cloud, case: str) -> None:
    changed, why = CHANGES[case]
    refuse(cloud, lambda image: image.update(changed), why)


@pytest.mark.parametrize("case", LABELS)
def test_an_image_whose_labels_disagree_is_refused(cloud: Cloud, case: str) -> None:
    label, value, why = LABELS[case]
    refuse(cloud, lambda image: image["labels"].update({label: value}), why)


def test_an_image_that_is_gone_is_refused(cloud: Cloud) -> None:
    ask(cloud)
    cloud.advance(300)
    cloud.change(lambda: cloud.table("compute.images").pop(IMAGE))
    assert take(cloud) == (
        "image of run 1 is not used: There is no image poolwright-dev-1, which the build was to make."
    )


def test_an_image_that_is_not_ready_yet_is_looked_at_again(cloud: Cloud) -> None:
    ask(cloud)
    cloud.advance(300)
    cloud.change(lambda: cloud.table("compute.images")[IMAGE].update(status="PENDING"))
    with pytest.raises(Busy, match="poolwright-dev-1 is not ready yet"):
        take(cloud)
    assert cloud.store.all("builds") == []
    cloud.change(lambda: cloud.table("compute.images")[IMAGE].update(status="READY"))
    assert take(cloud) == "dev-1 begins: 1 groups in 1 waves"


def test_an_image_on_another_base_than_the_environments_is_refused(cloud: Cloud) -> None:
    """The file was changed while the build went on."""
    ask(cloud)
    cloud.advance(300)
    cloud.environment = environment(sourceImage={"image": last_part(NEWER)})
    assert f"dev is on source image {last_part(NEWER)}, not on {SOURCE}." in take(cloud)
    assert cloud.store.all("rollouts") == []


def test_a_failed_build_is_on_record_with_cloud_builds_words(cloud: Cloud) -> None:
    cloud.change(lambda: cloud.table("cloudBuild.failing").update({"one": {"tag": "boot-image", "step": 1}}))
    ask(cloud)
    cloud.advance(300)
    assert 'build step 1 "validate" failed' in take(cloud)
    assert (run_of(cloud, 1).state, built(cloud)["outcome"], built(cloud)["status"]) == ("failed", "failed", "FAILURE")


def test_a_build_tried_again_by_hand_still_is_its_run(cloud: Cloud) -> None:
    """What the console's button Retry does: the same build under a new id."""
    cloud.change(
        lambda: cloud.table("cloudBuild.failing").update({"one": {"tag": "boot-image", "step": 0, "times": 1}})
    )
    ask(cloud)
    cloud.advance(300)
    take(cloud)
    by_hand(cloud, substitutions=cloud.builds[0]["substitutions"], tags=cloud.builds[0]["tags"])
    cloud.advance(300)
    assert take(cloud) == "dev-1 begins: 1 groups in 1 waves"
    assert (run_of(cloud, 1).state, run_of(cloud, 1).build_id) == ("built", cloud.builds[1]["id"])


def test_a_build_by_hand_is_taken_at_its_word_and_its_number_counts(cloud: Cloud) -> None:
    by_hand(cloud)
    cloud.advance(300)
    assert take(cloud) == "dev-42 begins: 1 groups in 1 waves"
    run = run_of(cloud, 42)
    assert (run.state, run.requester, run.image) == ("built", BY_HAND, "poolwright-dev-42")
    assert ask(cloud, source=NEWER).run_id == 43


def test_a_build_by_hand_says_nothing_of_a_run_that_is_anothers(cloud: Cloud) -> None:
    cloud.change(lambda: cloud.table("cloudBuild.failing").update({"ours": {"tag": "run-1"}}))
    ask(cloud)
    by_hand(cloud, substitutions={"_RUN_ID": "1", "_IMAGE_NAME": "mine", "_SOURCE_IMAGE": NEWER})
    cloud.advance(300)
    assert "this build was told of another image" in take(cloud)
    assert (run_of(cloud, 1).state, cloud.store.all("rollouts")) == ("submitted", [])


def test_a_number_that_came_to_nothing_by_hand_may_be_used_by_hand_again(cloud: Cloud) -> None:
    cloud.change(lambda: cloud.table("cloudBuild.failing").update({"one": {"tag": "dev", "times": 1, "step": 0}}))
    steps = [{"name": "ubuntu", "args": ["true"]}, {"name": "packer", "args": ["build", "."]}]
    by_hand(cloud, steps=steps)
    cloud.advance(300)
    take(cloud)
    by_hand(cloud, substitutions={"_SOURCE_IMAGE": NEWER}, steps=steps)
    cloud.advance(300)
    assert take(cloud) == "dev-42 begins: 1 groups in 1 waves"
    assert (run_of(cloud, 42).state, run_of(cloud, 42).source_image) == ("built", NEWER)


def test_an_image_that_was_there_before_a_build_by_hand_is_not_its(cloud: Cloud) -> None:
    labels = {
        "poolwright-environment": "dev", "poolwright-run-id": "42", "poolwright-source-image": SOURCE,
    }  # fmt: skip
    planted = {"name": "planted", "family": "poolwright-dev", "labels": labels, "diskSizeGb": "100"}
    cloud.change(lambda: cloud.stack.compute.insert_image(planted))
    cloud.advance(60)
    by_hand(cloud, substitutions={"_IMAGE_NAME": "planted"}, steps=[{"name": "ubuntu", "args": ["true"]}])
    cloud.change(lambda: cloud.builds[0].update(tags=["boot-image", "dev"]))
    cloud.change(lambda: cloud.builds[0].update(status="SUCCESS"))
    assert "Image planted is older than the build that is said to have made it." in take(cloud)


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"serviceAccount": f"projects/{PROJECT}/serviceAccounts/mallory@{PROJECT}.iam.gserviceaccount.com"},
         "serviceAccount"),
        ({"substitutions": {"_ENV": "production"}}, "tags"),
        ({"tags": ["dev"]}, "tags"),
        ({"substitutions": {"_RUN_ID": "0"}}, "substitutions._RUN_ID"),
        ({"substitutions": {"_RUN_ID": "9" * 19}}, "substitutions._RUN_ID"),
    ],
)  # fmt: skip
def test_a_build_that_cannot_be_trusted_is_refused_once_and_on_record(
    cloud: Cloud, changed: dict[str, Any], where: str
) -> None:
    by_hand(cloud, **changed)
    cloud.advance(300)
    with pytest.raises(Refused) as refused:
        take(cloud)
    assert refused.value.where == where
    assert take(cloud).endswith("was taken already")
    assert (built(cloud)["outcome"], built(cloud)["why"]) == ("refused", f"{where}: {refused.value.problem}")
    assert cloud.store.all("runs") == cloud.store.all("rollouts") == []


def test_a_pinned_environment_keeps_other_runs_back(cloud: Cloud) -> None:
    cloud.environment = environment(runId=7)
    ask(cloud)
    cloud.advance(300)
    assert take(cloud) == "image poolwright-dev-1 is ready: dev is pinned to run 7"
    assert run_of(cloud, 1).state == "built"
    assert cloud.store.all("rollouts") == []


def test_a_process_that_dies_anywhere_leaves_what_a_clean_one_does(cloud: Cloud) -> None:
    def prepare() -> None:
        cloud.begin()
        request_build.request(
            cloud.ports(), environment=cloud.environment, source_image=LINK, cause="x", requester="ada"
        )
        cloud.advance(300)

    def left(cloud: Cloud) -> Any:
        kept = ("builds", "runs", "rollouts")
        return {name: [_timeless(each.body) for each in cloud.store.all(name)] for name in kept}, sorted(cloud.told())

    prepare()
    take(cloud)
    clean = left(cloud)
    moments = 0
    for process in processes(lambda process: take(cloud, process), begin=prepare):
        with pytest.raises(Died):
            take(cloud, process)
        moments += 1
        cloud.advance(LEASE_SECONDS)
        take(cloud)
        assert left(cloud) == clean, process.dies
        assert cloud.outbox.work, process.dies
    assert moments > 20


def _timeless(value: Any) -> Any:
    """Without the moments at which things happened."""
    if isinstance(value, dict):
        times = ("at", "ended", "created", "once", "version", "began", "changed")
        return {name: _timeless(each) for name, each in value.items() if name not in times}
    return [_timeless(each) for each in value] if isinstance(value, list) else value


def test_an_image_of_a_run_that_came_to_nothing_is_not_started_by_a_person_either(cloud: Cloud) -> None:
    """Its image is there: packer had made it before the build's own last look found it wrong."""
    ask(cloud)
    cloud.advance(300)
    take(cloud)
    cloud.change(lambda: cloud.table("cloudBuild.failing").update({"one": {"tag": "run-2"}}))
    ask(cloud, source=NEWER)
    cloud.advance(300)
    take(cloud)
    seen = boot_images.listed(cloud.ports(), cloud.environment).images
    assert [(each.run_id, bool(each.problems)) for each in seen] == [(2, True), (1, False)]
    assert boot_images.of_run(cloud.ports(), cloud.environment, None).run_id == 1
    with pytest.raises(Refused, match=r"Run 2 of dev came to nothing: Build step failure"):
        boot_images.of_run(cloud.ports(), cloud.environment, 2)

    with pytest.raises(Irrelevant, match="dev-1 is under way already"):
        order(cloud, run_id=None)
    with pytest.raises(Refused, match=r"Run 2 of dev came to nothing: Build step failure"):
        order(cloud, run_id=2)


def order(cloud: Cloud, *, run_id: int | None) -> str:
    command = RolloutCommand(
        message_id="1", publish_time=datetime.fromtimestamp(cloud.clock.now(), UTC), subscription="commands",
        action="start", environment="dev", run_id=run_id, rollout=None, requester="ada", reason="",
    )  # fmt: skip
    return rollout_command.handle(command, cloud.ports())


def test_a_build_that_ends_before_its_submission_was_recorded_is_recorded_whole(cloud: Cloud) -> None:
    clean = Process()
    ask(cloud, clean)
    cloud.begin()
    with pytest.raises(Died):
        ask(cloud, Process(dies=(clean.calls.index("cloud_build.create"), "after")))
    cloud.advance(300)
    assert run_of(cloud, 1).state == "requested"
    assert take(cloud) == "dev-1 begins: 1 groups in 1 waves"
    assert run_of(cloud, 1).build_id == cloud.builds[0]["id"]
    assert [what for subject, what in cloud.told() if subject == "dev-1"][:2] == [
        f"build of run 1 on {SOURCE} decided",
        f"build {cloud.builds[0]['id']} submitted",
    ]
