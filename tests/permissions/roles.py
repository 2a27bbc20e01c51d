"""Terraform's `permissions.yaml`: what each identity may."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from localcloud import deployment
from localcloud.access import Need

FUNCTIONS = (*deployment.FUNCTIONS, deployment.STATUS_PAGE)
FILE = Path(__file__).resolve().parents[2] / "terraform" / "modules" / "poolwright" / "permissions.yaml"
# Whom a function acts as in the worlds of the flows.
ACCOUNTS = {"builder": "image-builder@chaos-gpu.iam.gserviceaccount.com", "node": "default"}


@cache
def written() -> dict[str, Any]:
    """The file."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return found


def of_function(function: str) -> set[Need]:
    """What the function may."""
    return _needs(written()["functions"][function])


def of_person(kind: str) -> set[Need]:
    """What such a person may: what is written there, and all that stands above it."""
    people = written()["people"]
    above = list(people)[: list(people).index(kind) + 1]
    return set().union(*(_needs(people[each]) for each in above))


def _needs(role: Any) -> set[Need]:
    return {
        *(Need(permission) for permission in (*role["store"], *role["fleet"])),
        *(Need("pubsub.topics.publish", topic) for topic in role["publishes"]),
        *(Need("iam.serviceAccounts.actAs", ACCOUNTS[each]) for each in role["acts_as"]),
    }


def of_builder() -> set[Need]:
    """What a boot-image build may; its machine runs as the project's default service account (`builds.tf`)."""
    return {*(Need(permission) for permission in written()["builder"]), Need("iam.serviceAccounts.actAs", "default")}
