"""Whether the APIs are on that our functions call."""

from __future__ import annotations

from collections.abc import Iterator

from poolwright.services.doctor import expected
from poolwright.services.doctor.findings import Finding, Says, Unknown
from poolwright.services.doctor.sight import Sight

says = Says("APIs")


def check(sight: Sight) -> Iterator[Finding]:
    """Of our own project and of those of the fleet."""
    for name, project in sight.projects.items():
        wanted = (expected.OWN_APIS if name == sight.own else frozenset()) | (
            expected.FLEET_APIS if name in sight.fleets else frozenset()
        )
        if isinstance(project.apis, Unknown):
            yield says.unknown(name, project.apis)
        elif missing := sorted(wanted - project.apis):
            yield says.problem(
                name,
                f"not enabled: {', '.join(missing)}",
                f"gcloud services enable {' '.join(missing)} --project {name}",
            )
        else:
            yield from says.or_ok((), name, f"all {len(wanted)} are enabled")
