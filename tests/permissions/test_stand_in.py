"""The stand-in holds an identity to its role as Google does, over REST and over gRPC, once there is a role."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest
import requests
from google.api_core.exceptions import Forbidden, PermissionDenied
from google.oauth2.credentials import Credentials
from google.pubsub_v1.services.publisher import PublisherClient

from poolwright.adapters.compute import ComputeEngine
from poolwright.adapters.gke import KubernetesEngine
from poolwright.adapters.google_access import SCOPES, GoogleAccess
from poolwright.references import ClusterRef
from tests.end_to_end.serving import PROJECT, SMALL, Served, serve

STEP, TICK = (f"poolwright-{each}@{PROJECT}.iam.gserviceaccount.com" for each in ("step", "tick"))
WORK, TICKS = (f"projects/{PROJECT}/topics/{each}" for each in ("work", "ticks"))


@pytest.fixture(scope="module")
def cloud() -> Iterator[Served]:
    with serve("--state", str(SMALL)) as served:
        may = ["compute.images.list", "pubsub.topics.publish on work"]
        assert served.http("localcloud", "PUT", "/roles", {STEP: may})[0] == 200
        for topic in (WORK, TICKS):
            requests.put(f"{served.endpoints['pubsub.googleapis.com']}/v1/{topic}", json={}, timeout=10)
        yield served


def signed_in(cloud: Served, email: str, *, scopes: Sequence[str] = SCOPES) -> str:
    """An access token as a service account gets one (RFC 7523)."""
    claims = base64.urlsafe_b64encode(json.dumps({"iss": email, "scope": " ".join(scopes)}).encode()).decode()
    url = f"{cloud.endpoints['oauth2.googleapis.com']}/token"
    found: str = requests.post(url, data={"assertion": f"x.{claims}.x"}, timeout=10).json()["access_token"]
    return found


def access(cloud: Served, email: str) -> GoogleAccess:
    made = GoogleAccess(cloud.endpoints)
    made.__dict__["credentials"] = Credentials(signed_in(cloud, email))
    return made


def publish(cloud: Served, email: str, topic: str) -> None:
    channel = grpc.insecure_channel(cloud.endpoints["pubsub.googleapis.com"].removeprefix("http://"))
    client: Any = PublisherClient(transport=PublisherClient.get_transport_class("grpc")(channel=channel))
    request = {"topic": topic, "messages": [{"data": b"{}"}]}
    client.publish(request=request, metadata=[("authorization", f"Bearer {signed_in(cloud, email)}")], retry=None)


def test_a_role_lets_in_and_no_further(cloud: Served) -> None:
    compute = ComputeEngine(access(cloud, STEP))
    assert compute.images(PROJECT, family="poolwright-dev") == []
    with pytest.raises(Forbidden, match=r"Required 'compute\.images\.get' permission"):
        compute.image(PROJECT, "any")
    assert cloud.http("localcloud", "GET", "/roles")[1]["denied"][STEP]["images.Get"] == ["compute.images.get"]


def test_google_says_which_permission_was_missing(cloud: Served) -> None:
    answer = requests.get(
        f"{cloud.endpoints['container.googleapis.com']}/v1/projects/{PROJECT}/locations/us-central1/clusters/serving",
        headers={"authorization": f"Bearer {signed_in(cloud, STEP)}"}, timeout=10,
    )  # fmt: skip
    error = answer.json()["error"]
    assert (answer.status_code, error["status"]) == (403, "PERMISSION_DENIED")
    (detail,) = error["details"]
    assert (detail["reason"], detail["metadata"]) == (
        "IAM_PERMISSION_DENIED", {"permission": "container.clusters.get"},
    )  # fmt: skip


def test_a_permission_may_be_of_one_topic_alone(cloud: Served) -> None:
    publish(cloud, STEP, WORK)
    with pytest.raises(PermissionDenied, match=r"pubsub\.topics\.publish"):
        publish(cloud, STEP, TICKS)


def test_a_method_without_a_line_is_refused_to_whoever_has_a_role(cloud: Served) -> None:
    url = f"{cloud.endpoints['compute.googleapis.com']}/compute/v1/projects/{PROJECT}/global/networks"
    assert (
        requests.get(url, headers={"authorization": f"Bearer {signed_in(cloud, STEP)}"}, timeout=10).status_code == 403
    )
    assert "compute.googleapis.com networks.List" in cloud.http("localcloud", "GET", "/roles")[1]["unknown"]


def test_who_has_no_role_may_do_all(cloud: Served) -> None:
    (cluster, *_) = KubernetesEngine(access(cloud, TICK)).cluster(ClusterRef(PROJECT, "us-central1", "serving")).pools
    assert cluster
    publish(cloud, TICK, TICKS)
    assert TICK not in cloud.http("localcloud", "GET", "/roles")[1]["uses"]
