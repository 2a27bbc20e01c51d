"""GKE's refusals in Google's words: an `errors` list and a status and a RequestInfo, all three."""

from __future__ import annotations

import itertools

from localcloud.errors import GoogleError

_requests = itertools.count(0x1F0A_0000_0000_0001, 0x9E37)

_REASONS = {
    "NOT_FOUND": "notFound",
    "ALREADY_EXISTS": "alreadyExists",
    "FAILED_PRECONDITION": "failedPrecondition",
    "INVALID_ARGUMENT": "badRequest",
    "PERMISSION_DENIED": "forbidden",
    "RESOURCE_EXHAUSTED": "rateLimitExceeded",
    "ABORTED": "aborted",
}


def refusal(status: str, message: str) -> GoogleError:
    """An error of the service itself (the front end's own, for a bad body, has another shape)."""
    info = {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": hex(next(_requests))}
    return GoogleError(status, message, reason=_REASONS[status], details=[info])


def not_found(path: str) -> GoogleError:
    """404: `path` as GKE prints it."""
    return refusal("NOT_FOUND", f"Not found: {path}.")


def not_found_location(location: str) -> GoogleError:
    """400: there is no such zone or region."""
    return refusal("INVALID_ARGUMENT", f'Location "{location}" does not exist.')


def already_exists(path: str) -> GoogleError:
    """409."""
    return refusal("ALREADY_EXISTS", f"Already exists: {path}.")


def invalid(message: str) -> GoogleError:
    """400: what the message says."""
    return refusal("INVALID_ARGUMENT", message)


def precondition(message: str) -> GoogleError:
    """400: not in this state."""
    return refusal("FAILED_PRECONDITION", message)


def busy(operation: str) -> GoogleError:
    """400: another operation holds the cluster or the pool."""
    return precondition(f"Cluster is running incompatible operation {operation}.")


def too_many(cluster: str, limit: int) -> GoogleError:
    """429: more operations on one cluster than GKE runs at once."""
    text = f'Too many operations: cluster "{cluster}" hits the concurrent operations quota {limit}'
    return refusal("RESOURCE_EXHAUSTED", f"{text}, please try again later.")
