"""Compute served on a free port, and Google's own client library for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import compute_v1

from localcloud.compute import HOST, Compute
from tests.contract.conftest import Served

C = TypeVar("C")
PROJECT = "demo-project"
ZONE = "us-central1-a"
WHERE = {"project": PROJECT, "zone": ZONE}
NODE_IMAGE = {
    "name": "node-image-1",
    "family": "node-image",
    "diskSizeGb": "10",
    "architecture": "X86_64",
    "sourceType": "RAW",
}


def template(name: str, **changes: Any) -> dict[str, Any]:
    """The body of a small instance template."""
    properties = {
        "machineType": "e2-medium",
        "disks": [
            {
                "boot": True,
                "autoDelete": True,
                "initializeParams": {"sourceImage": f"projects/{PROJECT}/global/images/node-image-1"},
            }
        ],
        "networkInterfaces": [{"network": "global/networks/default"}],
    }
    return {"name": name, "properties": properties | changes}


class Cloud:
    """One Compute, its world, and clients for it."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.compute = served.call(Compute, served.world)
        served.serve(self.compute.api())
        self.endpoint = served.endpoints[HOST]
        self.world = served.world

    def client(self, kind: Callable[..., C]) -> C:
        """A client of google.cloud.compute_v1 for this Compute."""
        transport_type = kind.get_transport_class("rest")  # type: ignore[attr-defined]
        host = self.endpoint.removeprefix("http://")
        transport = transport_type(host=host, url_scheme="http", credentials=AnonymousCredentials())
        if hasattr(transport, "_extended_operations_services"):
            # The library's own operation clients forget the endpoint.
            transport._extended_operations_services |= {
                "global_operations": self.client(compute_v1.GlobalOperationsClient),
                "region_operations": self.client(compute_v1.RegionOperationsClient),
                "zone_operations": self.client(compute_v1.ZoneOperationsClient),
            }
        return kind(transport=transport)

    @property
    def groups(self) -> compute_v1.InstanceGroupManagersClient:
        return self.client(compute_v1.InstanceGroupManagersClient)

    @property
    def templates(self) -> compute_v1.InstanceTemplatesClient:
        return self.client(compute_v1.InstanceTemplatesClient)

    def members(self, name: str) -> dict[str, str]:
        """A group's members: name -> what is being done to it."""
        listed = self.groups.list_managed_instances(project=PROJECT, zone=ZONE, instance_group_manager=name)
        return {each.name: each.current_action for each in listed}

    def shown(self, name: str) -> compute_v1.InstanceGroupManager:
        """A group, as a client gets it."""
        return self.groups.get(project=PROJECT, zone=ZONE, instance_group_manager=name)

    def raw(self, verb: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        """One plain HTTP call: status and JSON; `path` after `/compute/v1/`."""
        answer = requests.request(verb, f"{self.endpoint}/compute/v1/{path}", json=body, timeout=30)
        return answer.status_code, answer.json()

    def advance(self, seconds: float) -> None:
        """Let the world's time pass."""
        self.served.call(self.world.simulation.advance, seconds)

    def until(self, true: Callable[[], bool]) -> None:
        """Real time: wait for something to become true."""
        deadline = time.monotonic() + 20
        while not true():
            assert time.monotonic() < deadline, "it did not come true"
            time.sleep(0.02)

    def do(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call something of the world on its loop."""
        return self.served.call(function, *args, **kwargs)

    def group(self, name: str, size: int, template_name: str = "small", **more: Any) -> dict[str, Any]:
        """A group of so many members, being made."""
        body = {
            "name": name,
            "targetSize": size,
            "instanceTemplate": f"projects/{PROJECT}/global/instanceTemplates/{template_name}",
            **more,
        }
        made: dict[str, Any] = self.do(self.compute.insert_instance_group_manager, ZONE, body)
        return made


@pytest.fixture
def cloud(served: Callable[..., Served]) -> Cloud:
    """Compute in manual time, with an image and a template."""
    made = Cloud(served(manual=True))
    made.do(made.compute.insert_image, NODE_IMAGE)
    made.do(made.compute.insert_instance_template, template("small"))
    return made


@pytest.fixture
def fast(served: Callable[..., Served]) -> Cloud:
    """Compute whose hours pass in seconds, for clients that wait by themselves."""
    made = Cloud(served(speed=600))
    made.do(made.compute.insert_image, NODE_IMAGE)
    made.do(made.compute.insert_instance_template, template("small"))
    return made
