"""Operations of builds: google.longrunning.Operations, which the client library of Cloud Build does not list.

https://cloud.google.com/build/docs/api/reference/rest/v1/operations
"""

from __future__ import annotations

from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import empty_pb2

from localcloud import schema
from localcloud.cloud_build.builds import ACTIVE, Build, Builds
from localcloud.cloud_build.life import Life
from localcloud.cloud_build.listing import page
from localcloud.cloud_build.names import build_id_of, not_found, operation_name
from localcloud.dispatch import Answer, Call, Handler
from localcloud.errors import GoogleError
from localcloud.schema import Method

SERVICE = "google.longrunning.Operations"
_TYPE = "type.googleapis.com/google.devtools.cloudbuild.v1."
# google.rpc.Code and text of an operation whose build did not succeed.
_ERRORS = {
    "FAILURE": (2, "Build failed; check build logs for details"),
    "INTERNAL_ERROR": (13, "Build failed; check build logs for details"),
    "TIMEOUT": (4, "Build timed out"),
    "CANCELLED": (1, "Build cancelled"),
    "EXPIRED": (4, "Build expired in the queue"),
}


def operation_of(build: Build) -> dict[str, Any]:
    """The operation that made a build, as it stands."""
    answer: dict[str, Any] = {
        "name": operation_name(build["projectId"], build["id"]),
        "metadata": {"@type": f"{_TYPE}BuildOperationMetadata", "build": build},
    }
    if build["status"] in ACTIVE:
        return answer
    answer["done"] = True
    if build["status"] == "SUCCESS":
        answer["response"] = {"@type": f"{_TYPE}Build", **build}
    else:
        code, text = _ERRORS[build["status"]]
        answer["error"] = {"code": code, "message": text}
    return answer


def methods() -> list[Method]:
    """Get, list and cancel, by their global and their regional names."""
    regional = "projects/*/locations/*"

    def method(name: str, request: Any, response: Any, rules: tuple[schema.HttpRule, ...]) -> Method:
        path = f"/{SERVICE}/{name}"
        return Method(service=SERVICE, name=name, request=request, response=response, rules=rules, grpc_path=path)

    names = ("operations/**", f"{regional}/operations/*")
    get = tuple(schema.rule("get", f"/v1/{{name={each}}}") for each in names)
    cancel = tuple(schema.rule("post", f"/v1/{{name={each}}}:cancel", "*") for each in names)
    found = (
        schema.rule("get", "/v1/{name=operations}"),
        schema.rule("get", f"/v1/{{name={regional}}}/operations"),
    )
    return [
        method("GetOperation", operations_pb2.GetOperationRequest, operations_pb2.Operation, get),
        method("ListOperations", operations_pb2.ListOperationsRequest, operations_pb2.ListOperationsResponse, found),
        method("CancelOperation", operations_pb2.CancelOperationRequest, empty_pb2.Empty, cancel),
    ]


class Operations:
    """An operation is its build, seen from another side: nothing is stored."""

    def __init__(self, builds: Builds, life: Life) -> None:
        self._builds = builds
        self._life = life

    def handlers(self) -> dict[str, Handler]:
        """By method."""
        return {
            f"{SERVICE}.GetOperation": self.get,
            f"{SERVICE}.ListOperations": self.list_operations,
            f"{SERVICE}.CancelOperation": self.cancel,
        }

    def get(self, call: Call) -> Answer:
        return operation_of(self._builds.table[self._key(call)])

    def list_operations(self, call: Call) -> Answer:
        name = call.params.get("name", "")
        if not name.startswith(("operations", "projects/")):
            raise GoogleError("INVALID_ARGUMENT", f'invalid name "{name}"')
        start = "" if name.startswith("operations") else f"{name.removesuffix('/operations')}/"
        builds = [each for key, each in self._builds.table.items() if key.startswith(start)]
        builds.sort(key=lambda each: each["createTime"], reverse=True)
        found = page(builds, call.params, key="builds")
        return {"operations": [operation_of(each) for each in found.pop("builds")], **found}

    def cancel(self, call: Call) -> Answer:
        self._life.cancel(self._key(call))
        return {}

    def _key(self, call: Call) -> str:
        build_id = build_id_of(call.params.get("name", ""))
        for key in self._builds.table:
            if key.endswith(f"/builds/{build_id}"):
                return key
        raise not_found()
