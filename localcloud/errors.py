"""Google's errors, raised by handlers and rendered at the edge: JSON for REST, a status for gRPC.

Shapes: https://cloud.google.com/apis/design/errors (AIP-193) and, for Compute, the older list of
`{domain, reason, message}` (https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-general-issues).
"""

from __future__ import annotations

from typing import Any, Literal

import grpc

# AIP-193 status -> HTTP code.
HTTP_CODES = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "UNAUTHENTICATED": 401,
}


Style = Literal["plain", "container", "compute"]


class GoogleError(Exception):
    """An answer that is an error.

    `status` is the canonical name; `code` the HTTP code where it is not that name's own (Compute's 412);
    `reason` Compute's word (notFound, alreadyExists, resourceInUseByAnotherResource, conditionNotMet, ...);
    `details` google.rpc details as JSON objects with `@type`.
    """

    def __init__(
        self,
        status: str,
        message: str,
        *,
        code: int | None = None,
        reason: str | None = None,
        domain: str = "global",
        details: list[dict[str, Any]] | None = None,
        location: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code if code is not None else HTTP_CODES[status]
        self.reason = reason
        self.domain = domain
        self.details = details or []
        self.location = location

    def json(self, *, style: Style = "plain") -> dict[str, Any]:
        """The REST body, `{"error": {...}}`.

        `container`: the list of errors stands beside the status, also for what the front end refuses (badRequest).
        `compute`: the same, but what Compute itself refuses carries the list alone.
        """
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        reason = self.reason or ("badRequest" if style != "plain" and self.code == 400 else None)
        if reason is not None:
            item = {"message": self.message, "domain": self.domain, "reason": reason}
            if self.location is not None:
                item |= {
                    "location": self.location,
                    "locationType": "header" if self.location == "If-Match" else "parameter",
                }
            error["errors"] = [item]
        by_compute = style == "compute" and self.reason is not None and self.domain == "global"
        if self.details or not by_compute:
            error["status"] = self.status
        if self.details:
            error["details"] = self.details
        return {"error": error}

    def grpc_code(self) -> grpc.StatusCode:
        """The same as a gRPC status code."""
        return grpc.StatusCode[self.status]


def bad_request(violations: list[tuple[str, str]], message: str | None = None) -> GoogleError:
    """INVALID_ARGUMENT with google.rpc.BadRequest, as the API front end answers JSON it cannot read.

    `violations`: (field, description) pairs; an empty field is left out, as Google does for the top level.
    """
    details = {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [
            {"field": field, "description": text} if field else {"description": text} for field, text in violations
        ],
    }
    text = message or "\n".join(text for _, text in violations)
    return GoogleError("INVALID_ARGUMENT", text, details=[details])
