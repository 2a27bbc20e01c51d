"""What the measured functions are told: to each a message of no concern, and to `step` a group to bring up to date."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bench.fleet import Fleet
from bench.framework import Function, Site
from localcloud.demo.environment import NAME
from poolwright.events import work
from poolwright.services.work import group_work, rollout_work
from tests.payloads import samples

PUBLISHED = "2020-01-01T00:00:00Z"
SAMPLES = {
    "image_built": "cloud-build-unrelated-working",
    "node_pool_changed": "gke-create-node-pool-started",
    "gpu_alert": "monitoring-unrelated",
}


def of_no_concern(site: Site, fleet: Fleet) -> list[Function]:
    """Every function with a message that it looks at and does nothing about."""
    functions = [_function(site, fleet, target, samples.load(name)) for target, name in SAMPLES.items()]
    start = {"action": "start", "environment": NAME, "runId": 1}  # a later command was obeyed already
    gone, attributes = work.encode(rollout_work("gone", cause="bench"))
    functions += [
        _function(site, fleet, "rollout_command", {"data": start, "attributes": {}}),
        _function(site, fleet, "step", {"data": json.loads(gone), "attributes": attributes}),
    ]
    return [*functions, _function(site, fleet, "tick", {"data": {}, "attributes": {}})]  # an old one: see PUBLISHED


def group_to_change(site: Site, fleet: Fleet) -> Function:
    """`step`, told to look at the fleet's group."""
    data, attributes = work.encode(group_work(fleet.group, fleet.pool, cause="bench"))
    return _function(site, fleet, "step", {"data": json.loads(data), "attributes": attributes})


def _function(site: Site, fleet: Fleet, target: str, message: Mapping[str, Any]) -> Function:
    push = samples.push(dict(message))
    push["message"]["publishTime"] = PUBLISHED
    body = json.dumps(push).encode()
    return Function(target, site.source / "main.py", target, body, fleet.variables)
