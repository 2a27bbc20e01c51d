"""What Monitoring says when it refuses (https://cloud.google.com/monitoring/api/troubleshooting)."""

from __future__ import annotations

from localcloud.errors import GoogleError


def invalid(field: str, value: str, why: str) -> GoogleError:
    """`Field F had an invalid value of "V": why`; the value is printed as it came, quotes and all."""
    return GoogleError("INVALID_ARGUMENT", f'Field {field} had an invalid value of "{value}": {why}')


def missing(field: str) -> GoogleError:
    """A field that has to be there."""
    return GoogleError("INVALID_ARGUMENT", f"Request was missing field {field}.")


def no_metric(metric_type: str) -> GoogleError:
    """A metric type that nobody ever wrote or described."""
    return GoogleError(
        "NOT_FOUND",
        f'Cannot find metric(s) that match type = "{metric_type}". If a metric was created recently, it could take '
        "up to 10 minutes to become available. Please try again soon.",
    )


def no_such(what: str, name: str) -> GoogleError:
    """A policy, channel or descriptor that is not there."""
    return GoogleError("NOT_FOUND", f"{what} not found: {name}.")
