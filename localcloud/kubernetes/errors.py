"""Errors of the Kubernetes API, as the `Status` objects an apiserver sends.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ and the error
constructors of k8s.io/apimachinery (pkg/api/errors, pkg/util/validation/field).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


class ApiError(Exception):
    """One refused request: what becomes a `Status` with `status: Failure`."""

    def __init__(
        self, code: int, reason: str, message: str, *, details: Json | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after = retry_after

    def status(self) -> Json:
        """The body: a `Status` of `v1`."""
        body: Json = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason,
        }  # fmt: skip
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.code
        return body


@dataclass(frozen=True, slots=True)
class FieldError:
    """One cause of a 422: `reason` is a cause type such as FieldValueRequired."""

    field: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def required(field: str, detail: str = "") -> FieldError:
    return FieldError(field, "FieldValueRequired", "Required value" + (f": {detail}" if detail else ""))


def invalid_value(field: str, value: Any, detail: str, *, reason: str = "FieldValueInvalid") -> FieldError:
    return FieldError(field, reason, f"Invalid value: {shown(value)}: {detail}")


def unsupported(field: str, value: Any, supported: list[Any]) -> FieldError:
    choices = ", ".join(json.dumps(choice) for choice in supported)
    return FieldError(
        field, "FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {choices}"
    )


def forbidden_field(field: str, detail: str) -> FieldError:
    return FieldError(field, "FieldValueForbidden", f"Forbidden: {detail}")


def shown(value: Any) -> str:
    """A value as the apiserver prints it in an error."""
    return json.dumps(value, separators=(",", ":"))


def _details(group: str, resource: str, name: str = "") -> Json:
    details = {"name": name, "group": group, "kind": resource}
    return {key: value for key, value in details.items() if value}


def qualified(resource: str, group: str) -> str:
    return f"{resource}.{group}" if group else resource


def not_found(group: str, resource: str, name: str) -> ApiError:
    return ApiError(
        404, "NotFound", f'{qualified(resource, group)} "{name}" not found', details=_details(group, resource, name)
    )


def unknown_resource() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(group: str, resource: str, name: str) -> ApiError:
    message = f'{qualified(resource, group)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, details=_details(group, resource, name))


def conflict(group: str, resource: str, name: str, why: str = MODIFIED) -> ApiError:
    message = f'Operation cannot be fulfilled on {qualified(resource, group)} "{name}": {why}'
    return ApiError(409, "Conflict", message, details=_details(group, resource, name))


def forbidden(group: str, resource: str, name: str, why: str, *, causes: list[Json] | None = None) -> ApiError:
    details = _details(group, resource, name)
    if causes:
        details["causes"] = causes
    return ApiError(403, "Forbidden", f'{qualified(resource, group)} "{name}" is forbidden: {why}', details=details)


def invalid(group: str, kind: str, name: str, errors: list[FieldError]) -> ApiError:
    """422 with one cause for each field."""
    listed = str(errors[0]) if len(errors) == 1 else "[" + ", ".join(str(error) for error in errors) + "]"
    details = _details(group, kind, name)
    details["causes"] = [{"reason": e.reason, "message": e.message, "field": e.field} for e in errors]
    return ApiError(422, "Invalid", f'{qualified(kind, group)} "{name}" is invalid: {listed}', details=details)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def method_not_allowed() -> ApiError:
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message, details={})


def unsupported_media_type(accepted: list[str]) -> ApiError:
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return ApiError(415, "UnsupportedMediaType", message)


def not_acceptable() -> ApiError:
    accepted = "application/json, application/yaml"
    return ApiError(406, "NotAcceptable", f"only the following media types are accepted: {accepted}")


def expired(message: str) -> ApiError:
    return ApiError(410, "Expired", message)
