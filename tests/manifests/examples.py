"""NodeProvisioners as people write them: what is taken, and what is refused and because of which field."""

from __future__ import annotations

from typing import Any

Spec = dict[str, Any]

LEAST: Spec = {"existingInstanceGroupNames": ["gke-serving-l4-0a1b2c3d-grp"], "maxNodes": 4}

GOOD: dict[str, Spec] = {
    "the least": LEAST,
    "everything": {
        "existingInstanceGroupNames": ["us-central1-a/gke-serving-h100-grp", "gke-serving-h100-spot-grp"],
        "mode": "offer",
        "minGPUUtilizationPercent": 30,
        "maxGPUUtilizationPercent": 80.5,
        "minUnutilizedGPUNodes": 1,
        "minNodes": 1,
        "maxNodes": 16,
        "order": "price",
        "pricePerNodeHour": {"us-central1-a/gke-serving-h100-grp": 88.25, "gke-serving-h100-spot-grp": 21},
        "cooldowns": {"scaleUpSeconds": 60, "scaleDownSeconds": 900},
        "drain": {"timeoutSeconds": 1200, "barePods": "evict", "localStorage": "evict"},
        "schedule": [
            {"days": ["mon", "tue"], "begins": "22:00", "ends": "06:30", "timeZone": "Europe/Berlin", "minNodes": 8},
            {"minNodes": 16},
        ],
    },
    "bounds that meet": {**LEAST, "minNodes": 4, "minUnutilizedGPUNodes": 4, "schedule": [{"minNodes": 4}]},
    "one limit of two": {**LEAST, "maxGPUUtilizationPercent": 0},
    "the same name in two zones": {
        "existingInstanceGroupNames": ["us-central1-a/gpus", "us-central1-b/gpus"],
        "maxNodes": 1,
    },
    "half of a group of fields": {**LEAST, "cooldowns": {"scaleUpSeconds": 5}, "drain": {"barePods": "evict"}},
}

# Why -> (spec, the field that the message names).
BAD: dict[str, tuple[Spec, str]] = {
    "no groups": ({"maxNodes": 4}, "spec.existingInstanceGroupNames"),
    "an empty list of groups": ({**LEAST, "existingInstanceGroupNames": []}, "spec.existingInstanceGroupNames"),
    "21 groups": (
        {**LEAST, "existingInstanceGroupNames": [f"g{n}" for n in range(21)]},
        "spec.existingInstanceGroupNames",
    ),
    "a group twice": ({**LEAST, "existingInstanceGroupNames": ["a", "b", "a"]}, "spec.existingInstanceGroupNames"),
    "a group twice, once with its zone": (
        {**LEAST, "existingInstanceGroupNames": ["us-central1-a/a", "a"]},
        "spec.existingInstanceGroupNames",
    ),
    "a group's URL": (
        {**LEAST, "existingInstanceGroupNames": ["https://compute.googleapis.com/x"]},
        "spec.existingInstanceGroupNames[0]",
    ),
    "a group's name that is too long": (
        {**LEAST, "existingInstanceGroupNames": ["us-central1-a/" + "a" * 64]},
        "spec.existingInstanceGroupNames[0]",
    ),
    "groups as a text": ({**LEAST, "existingInstanceGroupNames": "a"}, "spec.existingInstanceGroupNames"),
    "no greatest number": ({"existingInstanceGroupNames": ["a"]}, "spec.maxNodes"),
    "no nodes at most": ({**LEAST, "maxNodes": 0}, "spec.maxNodes"),
    "half a node": ({**LEAST, "maxNodes": 2.5}, "spec.maxNodes"),
    "a mode that is none": ({**LEAST, "mode": "dry-run"}, "spec.mode"),
    "a minimum below nothing": ({**LEAST, "minGPUUtilizationPercent": -1}, "spec.minGPUUtilizationPercent"),
    "a minimum above everything": ({**LEAST, "minGPUUtilizationPercent": 101}, "spec.minGPUUtilizationPercent"),
    "a maximum below nothing": ({**LEAST, "maxGPUUtilizationPercent": -0.5}, "spec.maxGPUUtilizationPercent"),
    "a maximum above everything": ({**LEAST, "maxGPUUtilizationPercent": 100.5}, "spec.maxGPUUtilizationPercent"),
    "a band of no width": (
        {**LEAST, "minGPUUtilizationPercent": 50, "maxGPUUtilizationPercent": 50},
        "spec.minGPUUtilizationPercent",
    ),
    "fewer than no nodes": ({**LEAST, "minNodes": -1}, "spec.minNodes"),
    "a minimum above the maximum": ({**LEAST, "minNodes": 5}, "spec.minNodes"),
    "a buffer below nothing": ({**LEAST, "minUnutilizedGPUNodes": -1}, "spec.minUnutilizedGPUNodes"),
    "a buffer above the maximum": ({**LEAST, "minUnutilizedGPUNodes": 5}, "spec.minUnutilizedGPUNodes"),
    "an order that is none": ({**LEAST, "order": "cheapest"}, "spec.order"),
    "by price, without prices": ({**LEAST, "order": "price"}, "spec.pricePerNodeHour"),
    "by price, one group without": (
        {"existingInstanceGroupNames": ["a", "b"], "maxNodes": 1, "order": "price", "pricePerNodeHour": {"a": 1}},
        "spec.pricePerNodeHour",
    ),
    "a price of nobody's group": ({**LEAST, "pricePerNodeHour": {"b": 1}}, "spec.pricePerNodeHour"),
    "a price below nothing": (
        {"existingInstanceGroupNames": ["a"], "maxNodes": 1, "pricePerNodeHour": {"a": -1}},
        "spec.pricePerNodeHour.a",
    ),
    "too many prices": (
        {**LEAST, "pricePerNodeHour": {f"g{n}": 1 for n in range(21)}},
        "spec.pricePerNodeHour",
    ),
    "time that runs backwards, up": ({**LEAST, "cooldowns": {"scaleUpSeconds": -1}}, "spec.cooldowns.scaleUpSeconds"),
    "time that runs backwards, down": (
        {**LEAST, "cooldowns": {"scaleDownSeconds": -1}},
        "spec.cooldowns.scaleDownSeconds",
    ),
    "no time to drain": ({**LEAST, "drain": {"timeoutSeconds": 0}}, "spec.drain.timeoutSeconds"),
    "bare pods, a word too much": ({**LEAST, "drain": {"barePods": "kill"}}, "spec.drain.barePods"),
    "local storage, a word too much": ({**LEAST, "drain": {"localStorage": "kill"}}, "spec.drain.localStorage"),
    "too many times of the week": ({**LEAST, "schedule": [{"minNodes": 1}] * 21}, "spec.schedule"),
    "a floor of no height": ({**LEAST, "schedule": [{"begins": "08:00"}]}, "spec.schedule[0].minNodes"),
    "a floor below nothing": ({**LEAST, "schedule": [{"minNodes": -1}]}, "spec.schedule[0].minNodes"),
    "a floor above the maximum": ({**LEAST, "schedule": [{"minNodes": 1}, {"minNodes": 5}]}, "spec.schedule"),
    "no days": ({**LEAST, "schedule": [{"minNodes": 1, "days": []}]}, "spec.schedule[0].days"),
    "a day twice": ({**LEAST, "schedule": [{"minNodes": 1, "days": ["mon", "mon"]}]}, "spec.schedule[0].days"),
    "a day of no week": ({**LEAST, "schedule": [{"minNodes": 1, "days": ["monday"]}]}, "spec.schedule[0].days"),
    "a time of no day": ({**LEAST, "schedule": [{"minNodes": 1, "begins": "24:00"}]}, "spec.schedule[0].begins"),
    "an end of no day": ({**LEAST, "schedule": [{"minNodes": 1, "ends": "25:00"}]}, "spec.schedule[0].ends"),
    "an end where it begins": (
        {**LEAST, "schedule": [{"minNodes": 1, "begins": "08:00", "ends": "08:00"}]},
        "spec.schedule[0].ends",
    ),
    "a zone of nowhere": (
        {**LEAST, "schedule": [{"minNodes": 1, "timeZone": "Europe/Berln"}]},
        "spec.schedule[0].timeZone",
    ),
    "a zone that is a path": (
        {**LEAST, "schedule": [{"minNodes": 1, "timeZone": "../x"}]},
        "spec.schedule[0].timeZone",
    ),
    "the server's own zone": (
        {**LEAST, "schedule": [{"minNodes": 1, "timeZone": "Local"}]},
        "spec.schedule[0].timeZone",
    ),
}


def provisioner(spec: Spec, name: str = "l4") -> dict[str, Any]:
    """The whole object."""
    return {
        "apiVersion": "compute.poolwright.dev/v1alpha1",
        "kind": "NodeProvisioner",
        "metadata": {"name": name},
        "spec": spec,
    }
