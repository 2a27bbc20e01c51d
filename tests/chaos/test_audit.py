"""The audit has no gap: whatever poolwright changed outside is named by a record before it and by one after it.

Records are messages too, so the order of all calls shows what was told before and after each effect. That a kill makes
no gap either is what `test_kills` says, as it compares the records with a clean run's.
"""

from __future__ import annotations

import base64
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator

import pytest

from localcloud.calls import CallRecord
from tests.chaos.flows import STORIES, Story
from tests.chaos.harness import Json
from tests.chaos.runs import Clean

# What tells, and what is told to nobody but a Kubernetes user: a provisioner's status.
TELLS = ("Publisher.Publish", "nodeprovisioners/status.patch")

ASKS = ("pods/eviction.create", "jobs.delete")  # what the cluster does in its own time


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_every_effect_has_a_record_before_it_and_one_after_it(story: Story, clean: Callable[[Story], Clean]) -> None:
    calls = clean(story).calls
    told = [(number, text) for number, call in enumerate(calls) if (text := _told(call))]
    effects: dict[str, list[int]] = defaultdict(list)
    for number, call in enumerate(calls):
        if call.mutating and call.code < 400 and call.method not in TELLS:
            for name in _named(call):
                effects[name].append(number)
    gaps = []
    for name, numbers in effects.items():
        heard = [number for number, text in told if name in text]
        for before, number, after in zip([-1, *numbers], numbers, [*numbers[1:], len(calls)], strict=False):
            method = calls[number].method
            if not any(before < at < number for at in heard):
                gaps.append(f"{method} of {name}: no record before it")
            if method not in ASKS and not any(number < at < after for at in heard):
                gaps.append(f"{method} of {name}: no record after it")
    assert not gaps, "\n".join(gaps)


def _told(call: CallRecord) -> str:
    """The record that a call publishes, as text; empty for other calls."""
    if call.method != "Publisher.Publish" or not call.params["topic"].endswith("/notifications"):
        return ""
    return base64.b64decode(call.params["messages"][0]["data"]).decode()


def _named(call: CallRecord) -> Iterator[str]:
    """The things that the call changes, by the last parts of their names."""
    params: Json = call.params
    if call.method.endswith(("CreateInstances", "DeleteInstances", "RecreateInstances")):
        text = json.dumps(params)
        yield from set(re.findall(r"(gke-[a-z0-9-]+-[a-z0-9]{4})\"", text))
    elif "instanceTemplateResource" in params:
        yield str(params["instanceTemplateResource"]["name"])
    else:
        for field in ("instanceGroupManager", "instanceTemplate", "image", "name", "projectId"):
            if field in params:
                yield str(params[field]).rpartition("/")[2]
                return
