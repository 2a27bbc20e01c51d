"""What people see of a rollout, and of an error, at the width of a narrow terminal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.theme import Theme

from poolwright.cli import failures, rollout_view, screen, watching
from poolwright.services.ports import InUse, Missing, Rejected, Weather
from poolwright.services.rollout_seen import GateSeen, GroupSeen, RolloutSeen, WaveSeen
from poolwright.settings import BadSetting
from poolwright.verdicts import Irrelevant, Refused

ROOT = Path(__file__).resolve().parents[3]
SECRET = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----"


def group(number: int, *, state: str = "mutated", reason: str = "") -> GroupSeen:
    name = f"gke-serving-l4-{number:08x}-grp"
    return GroupSeen(group=name, zone="us-central1-a", cluster="serving", pool="l4", state=state, reason=reason)


def wave(
    name: str, *groups: GroupSeen, verdict: str = "", current: bool = False, gates: tuple[GateSeen, ...] = ()
) -> WaveSeen:
    return WaveSeen(name=name, began=0, verdict=verdict, current=current, groups=groups, gates=gates)


def rollout(*waves: WaveSeen, phase: str = "baking", kind: str = "rollout", paused: bool = False) -> RolloutSeen:
    return RolloutSeen(
        id="dev-42", environment="dev", kind=kind, run_id=42, image="poolwright-dev-42", phase=phase, paused=paused,
        finished=False, reason="wave 1 bakes for 40 s more", requester="ada@acme.example", created=0, waves=waves,
        left_alone={},
    )  # fmt: skip


def shown(found: RolloutSeen, *, width: int = 80, whole: bool = True) -> str:
    out = Console(file=StringIO(), width=width, theme=Theme(screen._STYLES), highlight=False)
    for part in rollout_view.rendered(found, whole=whole):
        out.print(part)
    assert isinstance(out.file, StringIO)
    return out.file.getvalue()


def test_a_rollout_shows_its_waves_with_what_each_came_to() -> None:
    text = shown(
        rollout(
            wave("canary", group(1), verdict="passed"),
            wave("wave 1", group(2), group(3, state="waiting"), current=True),
            wave("wave 2", group(4, state="waiting")),
        )
    )
    lines = [line.split() for line in text.splitlines() if line.strip().startswith(("✔", "●", "·"))]
    assert lines == [
        ["✔", "canary", "passed", "1", "changed"],
        ["●", "wave", "1", "1", "changed,", "1", "waiting"],
        ["·", "wave", "2", "1", "waiting"],
    ]
    assert "asked for by ada@acme.example" in text


def test_a_paused_rollout_says_so() -> None:
    assert shown(rollout(wave("canary", group(1)), paused=True)).startswith("dev-42  baking, paused\n")


@pytest.mark.parametrize("whole", [True, False])
def test_what_went_wrong_is_said_in_full_even_where_groups_are_left_out(whole: bool) -> None:
    gates = (GateSeen(gate="node ready", verdict="failed", reason="node x is not Ready after 900 s"),)
    bad = wave("canary", group(1, state="stuck", reason="its template is gone"), verdict="failed", gates=gates)
    text = " ".join(shown(rollout(bad, phase="rolled back"), whole=whole).split())
    assert "node ready failed node x is not Ready after 900 s" in text
    assert "stuck its template is gone gke-serving-l4-00000001-grp" in text


def test_of_a_large_wave_only_groups_are_listed_that_somebody_should_look_at() -> None:
    many = [group(number) for number in range(1, 200)]
    refused = [
        group(number, state="refused", reason=f"gke-serving-l4-{number:08x} boots another base") for number in (7, 8)
    ]
    text = shown(rollout(wave("wave 1", *many, *refused, current=True)))
    assert "199 changed, 2 refused" in text
    assert len(text.splitlines()) < 20
    assert text.count("boots another base") == 1  # one reason, two groups


@pytest.mark.parametrize("width", [40, 80, 140])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = shown(rollout(wave("canary", group(1, state="refused", reason="for a reason " * 20))), width=width)
    assert max(len(line) for line in text.splitlines()) <= width


@pytest.mark.parametrize(
    ("phase", "kind", "good"),
    [
        ("done", "rollout", True), ("rolled back", "rollout", False), ("failed", "rollout", False),
        ("aborted", "rollout", False), ("superseded", "rollout", False), ("rolled back", "roll-back", True),
        ("aborted", "roll-back", False),
    ],
)  # fmt: skip
def test_watching_succeeds_only_where_a_rollout_came_to_what_was_asked(phase: str, kind: str, good: bool) -> None:
    assert watching._came_to_what_was_asked(rollout(phase=phase, kind=kind)) is good


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Refused("runId", "is no run id", "Give one"), "is no run id. Give one."),
        (Irrelevant("it was obeyed already"), "it was obeyed already."),
        (
            Weather("503 from Compute"),
            "not now: 503 from Compute. Try it again in a minute; asking twice does no harm.",
        ),
        (Missing("projects/p/topics/work"), "Google knows no such thing: projects/p/topics/work. Compare the project"),
        (Rejected("no such zone", status="INVALID_ARGUMENT"), "Google refused the request: no such zone."),
        (InUse("a group needs it"), "Google refused the request: a group needs it."),
        (BadSetting("POOLWRIGHT_PROJECT is not set; give it"), "POOLWRIGHT_PROJECT is not set; give it."),
        (KeyError("zone"), "this should not have happened: KeyError: 'zone'. Please open an issue"),
    ],
)
def test_an_error_is_a_sentence_and_what_to_do(error: Exception, says: str) -> None:
    assert failures.explain(error).startswith(says)


@pytest.mark.parametrize("kind", [Missing, Weather, ValueError])
def test_an_error_that_quotes_a_secret_is_told_without_it(kind: Callable[[str], Exception]) -> None:
    assert "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC" not in failures.explain(kind(f"metadata {SECRET} is not allowed"))


def test_a_log_level_tells_more_of_a_failure_and_a_wrong_one_does_no_harm() -> None:
    for level, more in (("DEBUG", True), ("loud", False), ("", False)):
        env = {"PYTHONPATH": "shared", "POOLWRIGHT_LOG_LEVEL": level, "POOLWRIGHT_ENVIRONMENTS": "/nowhere"}
        command = [sys.executable, "-m", "poolwright.cli", "plan", "--env", "dev"]
        said = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert said.returncode == 1
        assert said.stderr.splitlines()[-1].startswith("poolwright: /nowhere: no environment file there")
        assert ("Traceback" in said.stderr) is more
