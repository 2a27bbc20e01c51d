"""What an environment has released and holds, and the record of each change."""

from __future__ import annotations

import pytest

from poolwright.services import released
from poolwright.services.ports import Weather
from tests.unit.services.conftest import Outside, environment

DEV = environment("dev", "acme-dev")


def release(outside: Outside, run_id: int, *groups: str) -> None:
    released.release(outside.ports, "dev", run_id=run_id, image=f"image-{run_id}", groups=groups)


def told(outside: Outside) -> list[str]:
    return [each["what"] for each in outside.publisher.told]


def test_each_change_is_recorded_once_and_a_repeat_changes_nothing(outside: Outside) -> None:
    for _ in range(2):
        release(outside, 1)
    for _ in range(2):
        released.hold(outside.ports, "dev", groups=["a/g-1", "a/g-2"], why="dev-1 failed")
    for _ in range(2):
        release(outside, 2, "a/g-1")
    assert told(outside) == [
        "run 1 is the released image, and 0 groups are held no longer",
        "2 groups are left as they are: g-1, g-2",
        "run 2 is the released image, and 1 groups are held no longer",
    ]
    assert len(outside.store.all("records")) == 3
    assert released.read(outside.ports, DEV).held == {"a/g-2": "dev-1 failed"}


def test_the_image_before_is_kept_for_a_way_back(outside: Outside) -> None:
    for run_id in (1, 2, 2):
        release(outside, run_id)
    now = released.read(outside.ports, DEV)
    assert (now.image, now.previous_image) == ("image-2", "image-1")


def test_a_release_that_comes_again_is_another_record(outside: Outside) -> None:
    for run_id in (1, 2, 1, 2):
        release(outside, run_id)
    assert [(each["before"], each["after"]) for each in outside.publisher.told] == [
        ("", "image-1"), ("image-1", "image-2"), ("image-2", "image-1"), ("image-1", "image-2")
    ]  # fmt: skip


@pytest.mark.parametrize("by", ["the same again", "the next change"])
def test_what_was_written_and_not_told_is_told_by_whoever_comes_next(
    outside: Outside, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    def away(*_: object) -> str:
        raise Weather("Pub/Sub is away")

    monkeypatch.setattr(outside.publisher, "publish", away)
    with pytest.raises(Weather):
        release(outside, 1)
    monkeypatch.undo()
    assert released.read(outside.ports, DEV).run_id == 1
    release(outside, 1 if by == "the same again" else 2)
    assert told(outside)[0].startswith("run 1 is")


def test_a_document_of_the_previous_release_is_read(outside: Outside) -> None:
    outside.store.put("environments", "dev", {"runId": 1, "image": "image-1", "held": {"a/g": "why"}}, version=None)
    release(outside, 2, "a/g")
    assert released.read(outside.ports, DEV) == released.Released(2, "image-2", {}, "image-1")
