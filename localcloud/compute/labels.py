"""Labels and the fingerprint that guards them."""

from __future__ import annotations

from typing import Any

from localcloud.compute import refusals
from localcloud.compute.fingerprints import fingerprint
from localcloud.compute.resources import Resource

FINGERPRINT = "labelFingerprint"


def fresh_labels(resource: Resource) -> None:
    """Set the label fingerprint anew."""
    resource[FINGERPRINT] = fingerprint(resource.get("labels", {}))


def set_labels(resource: Resource, body: dict[str, Any]) -> None:
    """Replace a resource's labels under its label fingerprint; 412 where that is missing or stale."""
    if body.get(FINGERPRINT) != resource.get(FINGERPRINT):
        raise refusals.stale("Labels fingerprint either invalid or resource labels have changed")
    labels = body.get("labels", {})
    resource.pop("labels", None)
    resource |= {"labels": labels} if labels else {}
    fresh_labels(resource)
