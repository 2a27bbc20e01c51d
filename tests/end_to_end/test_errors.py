"""What Google's APIs answer when they refuse: shape, code and words, over REST and through the libraries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import compute_v1, monitoring_v3

from tests.end_to_end.serving import PROJECT, SMALL, Served, eventually, serve

COMPUTE = "compute.googleapis.com"
GKE = "container.googleapis.com"
BUILD = "cloudbuild.googleapis.com"
MONITORING = "monitoring.googleapis.com"
ZONE = "us-central1-a"
BASE = f"/compute/v1/projects/{PROJECT}"
GROUPS = f"{BASE}/zones/{ZONE}/instanceGroupManagers"
POOLS = f"/v1/projects/{PROJECT}/locations/us-central1/clusters/serving/nodePools"
REQUEST = "6f1e7c52-2a52-4a9e-9a5e-0c4d4c4f3a10"
IMAGE = {"name": "taken", "rawDisk": {"source": "https://storage.googleapis.com/images/a.tar.gz"}}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Served]:
    with serve("--state", str(SMALL), "--speed", "60") as served:
        assert served.http(COMPUTE, "POST", f"{BASE}/global/images", IMAGE)[0] == 200
        images = served.compute(compute_v1.ImagesClient)
        eventually(lambda: images.get(project=PROJECT, image="taken").status == "READY", "the image is there")
        yield served


def group(cloud: Served) -> dict[str, Any]:
    """A group of the small world."""
    status, answer = cloud.http(COMPUTE, "GET", GROUPS)
    assert status == 200
    found: dict[str, Any] = answer["items"][0]
    return found


def of_compute(answer: Any, reason: str) -> str:
    """Check Compute's shape; the message."""
    error = answer["error"]
    (item,) = error["errors"]
    assert set(error) <= {"code", "message", "errors", "status", "details"}
    assert (item["message"], item["reason"]) == (error["message"], reason)
    assert item["domain"] in ("global", "usageLimits")
    return str(error["message"])


def of_others(answer: Any, code: int, status: str) -> str:
    """Check the shape of the other APIs; the message."""
    error = answer["error"]
    assert set(error) <= {"code", "message", "status", "details", "errors"}
    assert (error["code"], error["status"]) == (code, status)
    return str(error["message"])


def test_not_found(cloud: Served) -> None:
    status, answer = cloud.http(COMPUTE, "GET", f"{GROUPS}/none")
    path = f"projects/{PROJECT}/zones/{ZONE}/instanceGroupManagers/none"
    assert (status, of_compute(answer, "notFound")) == (404, f"The resource '{path}' was not found")
    status, answer = cloud.http(GKE, "GET", f"{POOLS}/none")
    assert status == 404
    assert of_others(answer, 404, "NOT_FOUND").startswith("Not found: projects/")
    status, answer = cloud.http(BUILD, "GET", f"/v1/projects/{PROJECT}/builds/00000000-0000-0000-0000-000000000000")
    assert (status, of_others(answer, 404, "NOT_FOUND")) == (404, "Requested entity was not found.")
    status, answer = cloud.http(MONITORING, "GET", f"/v3/projects/{PROJECT}/alertPolicies/1")
    assert status == 404
    assert "alertPolicies/1" in of_others(answer, 404, "NOT_FOUND")
    with pytest.raises(exceptions.NotFound, match="images/none' was not found"):
        cloud.compute(compute_v1.ImagesClient).get(project=PROJECT, image="none")
    with pytest.raises(exceptions.NotFound, match="clusters/none"):
        cloud.container().get_cluster(name=f"projects/{PROJECT}/locations/us-central1/clusters/none")


def test_already_exists(cloud: Served) -> None:
    status, answer = cloud.http(COMPUTE, "POST", f"{BASE}/global/images", IMAGE)
    text = f"The resource 'projects/{PROJECT}/global/images/taken' already exists"
    assert (status, of_compute(answer, "alreadyExists")) == (409, text)
    status, answer = cloud.http(GKE, "POST", POOLS, {"nodePool": {"name": "l4", "initialNodeCount": 1}})
    assert status == 409
    assert "Already exists: projects/" in of_others(answer, 409, "ALREADY_EXISTS")
    with pytest.raises(exceptions.AlreadyExists):
        cloud.container().create_node_pool(parent=POOLS[4:].removesuffix("/nodePools"), node_pool={"name": "l4"})


@pytest.mark.parametrize(
    ("host", "path", "body", "words"),
    [
        (COMPUTE, f"{BASE}/global/images", {"name": "x", "colour": 1}, 'Unknown name "colour"'),
        (COMPUTE, f"{BASE}/global/images", {"name": "x", "diskSizeGb": "many"}, "many"),
        (COMPUTE, f"{BASE}/global/images", b'{"name": ', "Invalid JSON payload received"),
        (COMPUTE, f"{BASE}/global/images?colour=1", {"name": "x"}, 'Unknown name "colour"'),
        (GKE, POOLS, {"nodePool": {"name": "x", "colour": 1}}, "Unknown name \"colour\" at 'node_pool'"),
        (BUILD, f"/v1/projects/{PROJECT}/builds", {"steps": [{"colour": 1}]}, 'Unknown name "colour" at \'build.st'),
        (MONITORING, f"/v3/projects/{PROJECT}/alertPolicies", {"colour": 1}, 'Unknown name "colour"'),
    ],
)
def test_unknown_and_unreadable_fields(cloud: Served, host: str, path: str, body: Any, words: str) -> None:
    status, answer = cloud.http(host, "POST", path, body)
    assert status == 400
    message = of_others(answer, 400, "INVALID_ARGUMENT")
    assert words in message
    assert answer["error"]["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert answer["error"]["details"][0]["fieldViolations"][0]["description"] in message


def test_invalid_values(cloud: Served) -> None:
    status, answer = cloud.http(COMPUTE, "POST", f"{BASE}/global/images", IMAGE | {"name": "Bad"})
    assert status == 400
    assert "Invalid value for field 'resource.name': 'Bad'. Must be a match of regex" in of_compute(answer, "invalid")
    status, answer = cloud.http(COMPUTE, "POST", f"{BASE}/global/images", {"name": "x"})
    assert status == 400
    of_compute(answer, "required" if "Required" in answer["error"]["message"] else "invalid")
    status, answer = cloud.http(GKE, "POST", POOLS, {"nodePool": {"name": "Bad", "initialNodeCount": 1}})
    assert status == 400
    of_others(answer, 400, "INVALID_ARGUMENT")
    status, answer = cloud.http(BUILD, "POST", f"/v1/projects/{PROJECT}/builds", {})
    assert status == 400
    of_others(answer, 400, "INVALID_ARGUMENT")


def test_a_stale_fingerprint(cloud: Served) -> None:
    held = group(cloud)
    path = f"{GROUPS}/{held['name']}"
    status, answer = cloud.http(COMPUTE, "PATCH", path, {"fingerprint": "AAAAAAAAAAA=", "description": "x"})
    assert status == 412
    of_compute(answer, "conditionNotMet")
    assert answer["error"]["errors"][0]["location"] == "If-Match"
    assert cloud.http(COMPUTE, "PATCH", path, {"fingerprint": held["fingerprint"], "description": "x"})[0] == 200
    with pytest.raises(exceptions.PreconditionFailed):
        cloud.compute(compute_v1.InstanceGroupManagersClient).patch(
            project=PROJECT,
            zone=ZONE,
            instance_group_manager=held["name"],
            instance_group_manager_resource={"fingerprint": "AAAAAAAAAAA=", "description": "x"},
        )


def test_a_resource_in_use(cloud: Served) -> None:
    template = group(cloud)["instanceTemplate"].rpartition("/")[2]
    status, answer = cloud.http(COMPUTE, "DELETE", f"{BASE}/global/instanceTemplates/{template}")
    assert status == 400
    assert "is already being used by" in of_compute(answer, "resourceInUseByAnotherResource")


def test_a_cluster_that_is_busy(cloud: Served) -> None:
    resized = {"nodeCount": 1}
    assert cloud.http(GKE, "POST", f"{POOLS}/system:setSize", resized)[0] == 200
    status, answer = cloud.http(GKE, "POST", f"{POOLS}/system:setSize", resized)
    assert status == 400
    assert "operation" in of_others(answer, 400, "FAILED_PRECONDITION").lower()


def test_quota(cloud: Served) -> None:
    assert cloud.http("localcloud", "PUT", "/tables/compute.quotas", {"us-west1": {"CPUS": 1}})[0] == 200
    machine = {
        "name": "large",
        "machineType": "zones/us-west1-a/machineTypes/e2-standard-4",
        "disks": [{"boot": True, "initializeParams": {"sourceImage": "global/images/taken"}}],
        "networkInterfaces": [{"network": "global/networks/default"}],
    }
    status, answer = cloud.http(COMPUTE, "POST", f"{BASE}/zones/us-west1-a/instances", machine)
    if status == 200:
        operations = cloud.compute(compute_v1.ZoneOperationsClient)
        done = operations.wait(project=PROJECT, zone="us-west1-a", operation=answer["name"])
        assert (done.error.errors[0].code, done.http_error_status_code) == ("QUOTA_EXCEEDED", 403)
        message = done.error.errors[0].message
    else:
        assert status == 403
        message = of_compute(answer, "quotaExceeded")
    assert message.startswith("Quota 'CPUS' exceeded.")


def test_a_rate_limit(cloud: Served) -> None:
    words = "Quota exceeded for quota group 'ReadGroup' and limit 'Read requests per 100 seconds'"
    limit = {"status": "PERMISSION_DENIED", "reason": "rateLimitExceeded", "message": words, "times": 1}
    cloud.add_fault(method="zones.List", **limit)
    status, answer = cloud.http(COMPUTE, "GET", f"{BASE}/zones")
    assert (status, of_compute(answer, "rateLimitExceeded")) == (403, words)
    assert cloud.http(COMPUTE, "GET", f"{BASE}/zones")[0] == 200
    cloud.add_fault(method="*.ListClusters", status="RESOURCE_EXHAUSTED", message="Quota exceeded", times=1)
    status, answer = cloud.http(GKE, "GET", f"/v1/projects/{PROJECT}/locations/-/clusters")
    assert (status, of_others(answer, 429, "RESOURCE_EXHAUSTED")) == (429, "Quota exceeded")


def test_a_bad_filter(cloud: Served) -> None:
    status, answer = cloud.http(COMPUTE, "GET", f"{BASE}/zones?filter=name%20%3D%20(")
    assert status == 400
    assert "Invalid value for field 'filter': 'name = ('" in of_compute(answer, "invalid")
    status, answer = cloud.http(BUILD, "GET", f"/v1/projects/{PROJECT}/builds?filter=%3D%3D")
    assert status == 400
    of_others(answer, 400, "INVALID_ARGUMENT")
    times = "interval.endTime=2030-01-01T00:00:00Z&interval.startTime=2029-01-01T00:00:00Z"
    status, answer = cloud.http(MONITORING, "GET", f"/v3/projects/{PROJECT}/timeSeries?filter=%3D%3D&{times}")
    assert status == 400
    of_others(answer, 400, "INVALID_ARGUMENT")
    make = monitoring_v3.MetricServiceClient.get_transport_class("grpc")
    metrics = monitoring_v3.MetricServiceClient(transport=make(channel=cloud.channel(MONITORING)))
    with pytest.raises(exceptions.InvalidArgument):
        list(
            metrics.list_time_series(
                name=f"projects/{PROJECT}",
                filter="==",
                interval=monitoring_v3.TimeInterval(end_time={"seconds": 1}),
                view="FULL",
            )
        )


def test_a_repeated_request_is_the_same_operation(cloud: Served) -> None:
    path = f"{BASE}/global/images?requestId={REQUEST}"
    first = cloud.http(COMPUTE, "POST", path, IMAGE | {"name": "once"})
    again = cloud.http(COMPUTE, "POST", path, IMAGE | {"name": "once"})
    assert first[0] == again[0] == 200
    assert (first[1]["name"], first[1]["id"]) == (again[1]["name"], again[1]["id"])
    status, answer = cloud.http(COMPUTE, "POST", path, IMAGE | {"name": "other"})
    assert status == 400
    assert "requestId" in of_compute(answer, "invalid")
    status, answer = cloud.http(COMPUTE, "POST", path.replace(REQUEST, "7"), IMAGE | {"name": "other"})
    assert status == 400
    assert "requestId" in of_compute(answer, "invalid")


def test_an_unknown_project(cloud: Served) -> None:
    status, answer = cloud.http(COMPUTE, "GET", "/compute/v1/projects/none-such/zones")
    assert (status, of_compute(answer, "notFound")) == (404, "The resource 'projects/none-such' was not found")
    status, answer = cloud.http(GKE, "GET", "/v1/projects/none-such/locations/-/clusters")
    assert status == 403
    of_others(answer, 403, "PERMISSION_DENIED")


def test_unknown_paths_and_methods(cloud: Served) -> None:
    status, answer = cloud.http(COMPUTE, "GET", f"{BASE}/nothings/here")
    assert status == 404
    assert "The requested URL was not found on this server." in answer
    assert cloud.http(COMPUTE, "PUT", f"{BASE}/zones/{ZONE}", {})[0] == 404
    status, answer = cloud.http(COMPUTE, "GET", f"{BASE}/global/backendBuckets")
    assert status == 501
    assert "stand-in does not implement" in answer["error"]["message"]
