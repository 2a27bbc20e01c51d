"""All checks on one sight."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from poolwright.logs import redact
from poolwright.services.doctor.checks import (
    apis,
    clocks,
    environment_files,
    identities,
    images,
    metrics,
    network,
    provisioners,
    quotas,
    subscriptions,
    ticks,
)
from poolwright.services.doctor.findings import Finding, Report
from poolwright.services.doctor.sight import Sight

Check = Callable[[Sight], Iterable[Finding]]
CHECKS: dict[str, Check] = {
    environment_files.says.check: environment_files.check,
    apis.says.check: apis.check,
    identities.says.check: identities.check,
    network.says.check: network.check,
    images.says.check: images.check,
    subscriptions.says.check: subscriptions.check,
    ticks.says.check: ticks.check,
    metrics.says.check: metrics.check,
    provisioners.says.check: provisioners.check,
    quotas.says.check: quotas.check,
    clocks.says.check: clocks.check,
}


def examine(sight: Sight) -> Report:
    """What every check finds, the same thing said once."""
    found = tuple(dict.fromkeys(each for name, check in CHECKS.items() for each in _tried(name, check, sight)))
    return Report(project=sight.own, environments=tuple(each.name for each in sight.environments), findings=found)


def _tried(name: str, check: Check, sight: Sight) -> Iterator[Finding]:
    """A check that stumbles over an answer nobody thought of costs only itself."""
    try:
        yield from check(sight)
    except Exception as error:
        what = redact(f"this should not have happened: {type(error).__name__}: {error}")
        yield Finding(check=name, severity="unknown", where=sight.own, what=what, to_do="Please open an issue with it")
