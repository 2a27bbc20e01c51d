"""What was found becomes HTML in which nothing of it is more than text."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from poolwright.services import overview
from poolwright.services.audit_trail import RecordSeen, Trail, Wanted
from poolwright.services.provisioners_seen import ClusterSeen, EnvironmentSeen, Provisioners, seen
from poolwright.services.rollout_seen import GateSeen, GroupSeen, One, Rollouts, RolloutSeen, WaveSeen
from poolwright.status_page import rendering
from tests.status_page.examples import AS_OF, HOSTILE, Parsed, fleet, group, pool

REASON = "gke-serving-l4-11112222-grp: the template is gone"


def shown(template: str, path: str, found: Any, **query: str) -> str:
    return rendering.page(template, path=path, asked=path, query=query, who="ada@example.com", found=found)


def rollout(text: str) -> RolloutSeen:
    return RolloutSeen(
        id=text, environment=text, kind="rollout", run_id=42, image=text, phase="failed", paused=True, finished=True,
        reason=text, requester=text, created=AS_OF - 90, left_alone={text: text},
        waves=(
            WaveSeen(
                name=text, began=AS_OF, verdict="failed", current=True,
                groups=(GroupSeen(group=text, zone=text, cluster=text, pool=text, state="refused", reason=text),),
                gates=(GateSeen(gate=text, verdict=text, reason=text),),
            ),
        ),
    )  # fmt: skip


def provisioners(text: str) -> Provisioners:
    body = {
        "metadata": {"name": text},
        "spec": {"existingInstanceGroupNames": [text], "minNodes": 1, "maxNodes": 3, "mode": text},
        "status": {
            "mode": text,
            "state": text,
            "conditions": [{"type": "Ready", "status": "False", "reason": text, "message": text}],
            "observed": {"nodes": 1, "ready": 1, "unknown": [text]},
            "groups": [{"name": text, "members": 1, "refusal": text, "stockedOutUntil": text}],
            "lastDecision": {"action": text, "target": 1, "reason": text, "wouldChangeIf": text, "time": text},
        },
    }
    cluster = ClusterSeen(cluster=text, location=text, unknown=text, provisioners=(seen(body, None),))
    return Provisioners(
        as_of=AS_OF, stopped=text, environments=(EnvironmentSeen(environment=text, mode=text, clusters=(cluster,)),)
    )


def trail(text: str) -> Trail:
    one = RecordSeen(
        key="k", at=AS_OF - 5, kind=text, environment=text, subject=text, what=text, why=text, cause=text,
        requester=text, before=text, after=text,
    )  # fmt: skip
    return Trail(
        as_of=AS_OF, stopped=text, wanted=Wanted(environment=text, kind=text, text=text, before=7), records=(one,),
        looked_at=1, older=9, kinds=(text,), environments=(text,),
    )  # fmt: skip


def pages(text: str) -> dict[str, str]:
    """Every page, with the text wherever somebody else's text can be."""
    found = fleet([pool(text, [group(text, state=text, zone=text)])], name=text, cluster=text, reason=text)
    listed = Rollouts(as_of=AS_OF, stopped=text, rollouts=(rollout(text),), older=1)
    return {
        "fleet": shown("fleet.html", "/fleet", found),
        "drift": shown("drift.html", "/drift", overview.drift_of(found)),
        "rollouts": shown("rollouts.html", "/rollouts", listed, before=text),
        "rollout": shown("rollout.html", f"/rollouts/{text}", One(as_of=AS_OF, stopped=text, rollout=rollout(text))),
        "provisioners": shown("provisioners.html", "/provisioners", provisioners(text)),
        "audit": shown("audit.html", "/audit", trail(text), text=text),
        "trouble": rendering.trouble(text, text, path="/fleet"),
    }  # fmt: skip


PLAIN = pages("plain")


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_name_is_text_and_nothing_else(text: str) -> None:
    for name, page in pages(text).items():
        parsed, plain = Parsed(page), Parsed(PLAIN[name])
        assert [tag for tag, _ in parsed.elements] == [tag for tag, _ in plain.elements], name
        attributes = [sorted(attributes) for _, attributes in parsed.elements]
        assert attributes == [sorted(attributes) for _, attributes in plain.elements], name
        assert " ".join(rendering.harmless(text).split()) in parsed.text, name
        for address in (each.get("href") or each.get("src") or "" for _, each in parsed.elements):
            assert not re.match(r"\s*(javascript|data|https?|//)", address, re.IGNORECASE), (name, address)
        assert not set(page) & set("\u202e\u2066\u200f\u200b\x00\x1b\ufeff"), name


def test_what_turns_text_round_is_shown_by_its_code_point() -> None:
    assert rendering.harmless("l4\u202egpj") == "l4[U+202E]gpj"
    assert rendering.harmless("👩‍👩‍👧 génération") == "👩‍👩‍👧 génération"


@pytest.mark.parametrize("name", PLAIN)
def test_a_page_refers_to_its_own_files_alone_and_carries_no_style_and_no_script(name: str) -> None:
    parsed = Parsed(PLAIN[name])
    assert not any(key.startswith("on") or key == "style" for _, each in parsed.elements for key in each)
    assert not parsed.all("style")
    assert all(each.get("src") for each in parsed.all("script"))


@pytest.mark.parametrize("name", sorted(set(PLAIN) - {"trouble"}))
def test_a_page_has_what_a_screen_reader_goes_by(name: str) -> None:
    parsed = Parsed(PLAIN[name])
    tags = [tag for tag, _ in parsed.elements]
    assert [tags.count(each) for each in ("header", "nav", "main", "h1")] == [1, 1, 1, 1]
    assert tags.count("caption") == tags.count("table")
    assert [each.get("aria-current") for each in parsed.all("a")].count(None) == len(parsed.all("a")) - 1
    assert parsed.all("html") == [{"lang": "en"}]
    ids = [each["id"] for _, each in parsed.elements if "id" in each]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(("zones", "name"), [(4, "n" * 63), (1, "gke-serving-gpu-h100-0a1b2c3d-grp")])
def test_a_page_of_a_thousand_groups_is_under_200_kb(zones: int, name: str) -> None:
    pools = [
        pool(f"gpu-{number}", [group(name, zone=f"us-central1-{zone}") for zone in "abcd"[:zones]])
        for number in range(1000 // zones)
    ]
    assert len(shown("fleet.html", "/fleet", fleet(pools)).encode()) < 200_000
    held = fleet(pools, reason="no answer")
    assert len(shown("drift.html", "/drift", overview.drift_of(held)).encode()) < 200_000


def test_one_reason_of_many_groups_is_one_paragraph() -> None:
    names = [f"gke-serving-l4-{number:08x}-grp" for number in range(100)]
    found = overview.drift_of(fleet([pool("l4", [group(name) for name in names])], reason="no answer"))
    (one,) = found.environments[0].not_on
    assert one.groups == tuple(names)
    assert Parsed(shown("drift.html", "/drift", found)).text.count("production:") == 1


@pytest.mark.parametrize(("seconds", "said"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7200, "2 h"), (90_000, "1 d")])
def test_how_long_ago_is_told_in_the_largest_unit_that_fits(seconds: int, said: str) -> None:
    one = trail("x")
    record = msgspec.structs.replace(one.records[0], at=AS_OF - seconds)
    changed = msgspec.structs.replace(one, records=(record,))
    assert f"{said} ago" in shown("audit.html", "/audit", changed)


def test_what_is_not_known_is_called_unknown() -> None:
    text = Parsed(shown("provisioners.html", "/provisioners", _silent())).text
    assert text.count("unknown") == 4


def _silent() -> Provisioners:
    """A provisioner without a status."""
    body = {"metadata": {"name": "l4"}, "spec": {"existingInstanceGroupNames": ["g"]}}
    cluster = ClusterSeen(cluster="c", location="l", unknown="", provisioners=(seen(body, None),))
    return Provisioners(
        as_of=AS_OF, stopped="", environments=(EnvironmentSeen(environment="e", mode="act", clusters=(cluster,)),)
    )
