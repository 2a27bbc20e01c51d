"""Clients that take no endpoint reach the stand-in through its HTTPS proxy, with nothing but its CA and a key file."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.end_to_end.serving import PROJECT, SMALL, Served, serve

COMPUTE = "compute.googleapis.com"
ZONES = f"/compute/v1/projects/{PROJECT}/zones"
IMAGES = f"/compute/v1/projects/{PROJECT}/global/images"
SCRIPT = f"""
from google.cloud import compute_v1, container_v1, monitoring_v3, pubsub_v1
from google.cloud.devtools import cloudbuild_v1

parent = "projects/{PROJECT}"
print(compute_v1.ZonesClient().get(project="{PROJECT}", zone="us-central1-a").name)
clusters = container_v1.ClusterManagerClient().list_clusters(parent=parent + "/locations/-").clusters
print(*[each.name for each in clusters])
print(len(list(monitoring_v3.AlertPolicyServiceClient().list_alert_policies(name=parent))))
print(len(list(cloudbuild_v1.CloudBuildClient().list_builds(project_id="{PROJECT}"))))
print(pubsub_v1.PublisherClient().create_topic(name=parent + "/topics/proxied").name)
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[Served]:
    with serve("--state", str(SMALL), "--speed", "60") as served:
        yield served


def test_pythons_clients_over_rest_and_grpc(cloud: Served) -> None:
    proxy, authority = cloud.manifest["proxy"]["url"], cloud.manifest["proxy"]["ca_file"]
    environment = cloud.environment | {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        "REQUESTS_CA_BUNDLE": authority,
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": authority,
    }
    del environment["PUBSUB_EMULATOR_HOST"]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    topic = f"projects/{PROJECT}/topics/proxied"
    assert done.stdout.splitlines() == ["us-central1-a", "serving training", "3", "0", topic]


def through_the_proxy(cloud: Served, host: str, path: str, protocols: list[str]) -> tuple[str | None, bytes]:
    """CONNECT, TLS, and one request in the same breath; the protocol agreed on, and the answer's first bytes."""
    port = int(cloud.manifest["proxy"]["url"].rpartition(":")[2])
    context = ssl.create_default_context(cafile=cloud.manifest["proxy"]["ca_file"])
    context.set_alpn_protocols(protocols)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        plain.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert plain.recv(65536).startswith(b"HTTP/1.1 200")
        with context.wrap_socket(plain, server_hostname=host) as secured:
            secured.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            return secured.selected_alpn_protocol(), secured.recv(65536)


def test_who_speaks_both_is_answered_in_http_1(cloud: Served) -> None:
    for _ in range(20):
        protocol, answer = through_the_proxy(cloud, COMPUTE, ZONES, ["h2", "http/1.1"])
        assert protocol == "http/1.1"
        assert answer.startswith(b"HTTP/1.1 200 OK")
    assert through_the_proxy(cloud, "pubsub.googleapis.com", "/", ["h2"])[0] == "h2"


def test_older_clients_find_compute_where_its_links_point(cloud: Served) -> None:
    _, answer = through_the_proxy(cloud, "www.googleapis.com", ZONES, ["http/1.1"])
    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_hosts_that_are_not_served_are_refused_by_name(cloud: Served) -> None:
    port = int(cloud.manifest["proxy"]["url"].rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as plain:
        plain.sendall(b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")
        answer = plain.recv(65536)
    assert answer.startswith(b"HTTP/1.1 502")
    assert b"does not serve example.com" in answer


def raw(cloud: Served, path: str, data: bytes | None = None, **headers: str) -> bytes:
    request = urllib.request.Request(cloud.endpoints[COMPUTE] + path, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: bytes = answer.read()
        return found


def test_answers_come_whole_in_part_and_on_one_line(cloud: Served) -> None:
    assert json.loads(raw(cloud, f"{ZONES}/us-central1-a?fields=name,status")) == {
        "name": "us-central1-a",
        "status": "UP",
    }
    compact = raw(cloud, f"{ZONES}/us-central1-a?alt=json&prettyPrint=false")
    assert compact.strip().count(b"\n") == 0
    assert json.loads(compact) == json.loads(raw(cloud, f"{ZONES}/us-central1-a"))
    for selection in ("nothing", "items/nothing", "items("):
        status, answer = cloud.http(COMPUTE, "GET", f"{ZONES}?fields={selection}")
        assert status == 400
        assert answer["error"]["message"].startswith("Invalid field selection")
        assert answer["error"]["errors"][0]["reason"] == "invalidParameter"


def test_bodies_come_compressed_and_with_nulls(cloud: Served) -> None:
    body: dict[str, Any] = {
        "name": "small",
        "rawDisk": {"source": "https://storage.googleapis.com/images/a.tar.gz"},
        "licenses": [None],
    }
    packed = gzip.compress(json.dumps(body).encode())
    answer = raw(cloud, IMAGES, packed, **{"Content-Encoding": "gzip", "Content-Type": "application/json"})
    assert json.loads(answer)["operationType"] == "insert"


def test_fifty_clients_at_once(cloud: Served) -> None:
    def work(number: int) -> list[int]:
        image = {"name": f"at-once-{number}", "rawDisk": {"source": "https://storage.googleapis.com/images/a.tar.gz"}}
        return [cloud.http(COMPUTE, "POST", IMAGES, image)[0], cloud.http(COMPUTE, "GET", IMAGES)[0]]

    with ThreadPoolExecutor(50) as pool:
        assert {status for each in pool.map(work, range(50)) for status in each} == {200}
    names: list[str] = []
    token = ""
    while True:
        page = cloud.http(COMPUTE, "GET", f"{IMAGES}?maxResults=7&pageToken={token}")[1]
        names += [each["name"] for each in page["items"] if each["name"].startswith("at-once-")]
        token = page.get("nextPageToken", "")
        if not token:
            break
    assert sorted(names) == sorted(f"at-once-{number}" for number in range(50))
