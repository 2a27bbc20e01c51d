"""Operations of builds by plain HTTP and through the operations client, which the Cloud Build library leaves out."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2, operations_pb2_grpc

from tests.contract.cloud_build.conftest import Stage

BUILD = {"steps": [{"name": "ubuntu", "args": ["true"]}]}
PARENTS = ["projects/demo-project", "projects/demo-project/locations/us-central1"]


def rest(stage: Stage, verb: str, path: str, body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{stage.endpoint}/v1/{path}", data=data, method=verb)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


@pytest.mark.parametrize("parent", PARENTS)
def test_an_operation_carries_its_build_and_then_its_result(stage: Stage, parent: str) -> None:
    _, made = rest(stage, "POST", f"{parent}/builds", BUILD)
    build_id = made["metadata"]["build"]["id"]
    assert made["name"] == f"operations/build/demo-project/{base64.b64encode(build_id.encode()).decode()}"
    assert made["metadata"]["@type"] == "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"
    assert "done" not in made
    stage.advance(100)
    _, done = rest(stage, "GET", made["name"])
    assert done["done"] is True and done["response"]["status"] == "SUCCESS"
    regional = f"projects/demo-project/locations/us-central1/operations/{made['name'].rpartition('/')[2]}"
    assert rest(stage, "GET", regional) == (200, done)


def test_operations_are_listed_and_cancelled(stage: Stage) -> None:
    _, made = rest(stage, "POST", f"{PARENTS[1]}/builds", BUILD)
    _, listed = rest(stage, "GET", f"{PARENTS[1]}/operations")
    assert [each["name"] for each in listed["operations"]] == [made["name"]]
    assert rest(stage, "POST", f"{made['name']}:cancel", {}) == (200, {})
    _, done = rest(stage, "GET", made["name"])
    assert done["error"]["code"] == 1 and done["metadata"]["build"]["status"] == "CANCELLED"


def test_an_operation_that_is_not_there_is_not_found(stage: Stage) -> None:
    status, refused = rest(stage, "GET", "operations/build/demo-project/bm9uZQ==")
    assert (status, refused["error"]["status"]) == (404, "NOT_FOUND")
    channel = grpc.insecure_channel(stage.endpoint.removeprefix("http://"))
    with pytest.raises(grpc.RpcError) as caught:
        request = operations_pb2.GetOperationRequest(name="operations/build/demo-project/bm9uZQ==")
        operations_pb2_grpc.OperationsStub(channel).GetOperation(request)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_unknown_fields_are_refused_as_google_refuses_them(stage: Stage) -> None:
    status, refused = rest(stage, "POST", f"{PARENTS[0]}/builds", {**BUILD, "colour": "red"})
    assert status == 400
    assert "Unknown name \"colour\" at 'build': Cannot find field." in refused["error"]["message"]
    status, refused = rest(stage, "POST", f"{PARENTS[0]}/builds", {**BUILD, "timeout": "10m"})
    assert status == 400
    assert refused["error"]["message"] == (
        "Invalid value at 'build.timeout' (type.googleapis.com/google.protobuf.Duration), Field 'timeout', "
        "Illegal duration format; duration must end with 's'"
    )
