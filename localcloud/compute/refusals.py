"""Compute's refusals in Google's words (https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-general-issues)."""

from __future__ import annotations

from localcloud.errors import GoogleError


def not_found(path: str) -> GoogleError:
    """404: nothing has this path."""
    return GoogleError("NOT_FOUND", f"The resource '{path}' was not found", reason="notFound")


def already_exists(path: str) -> GoogleError:
    """409: the path is taken."""
    return GoogleError("ALREADY_EXISTS", f"The resource '{path}' already exists", reason="alreadyExists")


def invalid(field: str, value: object, why: str) -> GoogleError:
    """400: a field's value cannot be; `field` as in `resource.name`."""
    text = f"Invalid value for field '{field}': '{value}'. {why}"
    return GoogleError("INVALID_ARGUMENT", text, reason="invalid")


def required(field: str) -> GoogleError:
    """400: a field is missing."""
    return GoogleError("INVALID_ARGUMENT", f"Required field '{field}' not specified", reason="required")


def in_use(kind: str, path: str, user: str) -> GoogleError:
    """400: another resource still names this one; `kind` as in `instance_template`."""
    text = f"The {kind} resource '{path}' is already being used by '{user}'"
    return GoogleError("INVALID_ARGUMENT", text, reason="resourceInUseByAnotherResource")


def not_ready(path: str) -> GoogleError:
    """400: the resource is there but cannot be used yet."""
    return GoogleError("INVALID_ARGUMENT", f"The resource '{path}' is not ready", reason="resourceNotReady")


def stale(message: str) -> GoogleError:
    """412: the fingerprint is not the current one."""
    return GoogleError("FAILED_PRECONDITION", message, code=412, reason="conditionNotMet", location="If-Match")


def bad_usage(what: str) -> GoogleError:
    """400: resources that do not go together."""
    return GoogleError("INVALID_ARGUMENT", f"Invalid resource usage: '{what}'.", reason="invalidResourceUsage")


def bad_condition(message: str) -> GoogleError:
    """400: the call does not fit the state of things."""
    return GoogleError("INVALID_ARGUMENT", message, reason="invalid")


# Compute's `reason` -> the code an operation's error carries for the same thing.
OPERATION_CODES = {
    "notFound": "RESOURCE_NOT_FOUND",
    "alreadyExists": "RESOURCE_ALREADY_EXISTS",
    "resourceInUseByAnotherResource": "RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
    "resourceNotReady": "RESOURCE_NOT_READY",
    "conditionNotMet": "CONDITION_NOT_MET",
    "invalid": "INVALID_FIELD_VALUE",
    "invalidResourceUsage": "INVALID_USAGE",
    "quotaExceeded": "QUOTA_EXCEEDED",
    "stockout": "ZONE_RESOURCE_POOL_EXHAUSTED",
}
