"""Compute's long-running operations, as REST prints them.

https://cloud.google.com/compute/docs/reference/rest/v1/zoneOperations/wait
"""

from __future__ import annotations

import time
from collections.abc import Callable

from poolwright.services.ports import Json, Missing, Stale, Weather

PATIENCE = 30.0  # seconds
PAUSE = 0.5  # seconds; an overloaded server answers a wait at once


class OperationFailed(Exception):
    """Compute accepted the request and then could not do it. `codes`: such as QUOTA_EXCEEDED; `target`: a link."""

    def __init__(self, operation: Json) -> None:
        problems = operation.get("error", {}).get("errors", [])
        self.codes = tuple(str(problem.get("code", "")) for problem in problems)
        self.target = str(operation.get("targetLink", ""))
        self.status = int(operation.get("httpErrorStatusCode", 0))
        told = "; ".join(f"{problem.get('code')}: {problem.get('message', '')}" for problem in problems)
        super().__init__(
            f"{operation.get('operationType', 'an operation')} of {operation.get('targetLink', 'an unnamed target')} "
            f"failed (operation {operation.get('name')}, {operation.get('httpErrorMessage', 'no reason')}): {told}"
        )


def finish(operation: Json, wait: Callable[[Json, float], Json]) -> Json:
    """The operation once done. `wait` asks Compute to answer when it is, within so many seconds; Weather after 30 s."""
    deadline = time.monotonic() + PATIENCE
    while operation.get("status") != "DONE":
        if (seconds := deadline - time.monotonic()) <= 0:
            raise Weather(f"operation {operation.get('name')} is not done after {PATIENCE:.0f} s")
        operation = wait(operation, seconds)
        if operation.get("status") != "DONE":
            time.sleep(PAUSE)
    if "error" not in operation and "httpErrorStatusCode" not in operation:
        return operation
    failed = OperationFailed(operation)
    for status, kind in ((404, Missing), (412, Stale), (429, Weather), (503, Weather)):
        if failed.status == status:
            raise kind(str(failed)) from failed
    raise failed
