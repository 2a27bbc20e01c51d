"""Cloud Build on a free port, with a Compute that only notes the images it gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud.devtools import cloudbuild_v1

from localcloud.cloud_build import CloudBuild
from localcloud.errors import GoogleError
from tests.contract.conftest import Served

HOST = "cloudbuild.googleapis.com"


@dataclass
class Images:
    """A Compute that takes images; a name it has already is refused."""

    made: list[dict[str, Any]] = field(default_factory=list)

    def insert_image(self, body: dict[str, Any], *, project: str | None = None) -> None:
        if body["name"] in [each["name"] for each in self.made]:
            text = f"The resource 'projects/demo-project/global/images/{body['name']}' already exists"
            raise GoogleError("ALREADY_EXISTS", text, reason="alreadyExists")
        self.made.append(body)


@dataclass
class Stage:
    """A served Cloud Build; `messages` are (topic, attributes, build) in the order of publishing."""

    served: Served
    images: Images
    messages: list[tuple[str, dict[str, str], dict[str, Any]]]

    @property
    def endpoint(self) -> str:
        return self.served.endpoints[HOST]

    def client(self, transport: str = "rest") -> cloudbuild_v1.CloudBuildClient:
        endpoint = self.endpoint if transport == "rest" else self.endpoint.removeprefix("http://")
        options = ClientOptions(api_endpoint=endpoint)
        if transport == "rest":
            return cloudbuild_v1.CloudBuildClient(
                credentials=AnonymousCredentials(), transport="rest", client_options=options
            )
        import grpc
        from google.cloud.devtools.cloudbuild_v1.services.cloud_build.transports import CloudBuildGrpcTransport

        channel = grpc.insecure_channel(endpoint)
        return cloudbuild_v1.CloudBuildClient(transport=CloudBuildGrpcTransport(channel=channel))

    def advance(self, seconds: float) -> None:
        self.served.call(self.served.world.simulation.advance, seconds)

    def statuses(self) -> list[str]:
        return [attributes["status"] for _, attributes, _ in self.messages]


@pytest.fixture
def stage(served: Callable[..., Served]) -> Stage:
    return make_stage(served(manual=True))


def make_stage(running: Served) -> Stage:
    images, messages = Images(), []

    def publish(topic: str, data: bytes, attributes: dict[str, str]) -> None:
        messages.append((topic, attributes, json.loads(data)))

    running.world.publish = publish
    cloud_build = running.call(CloudBuild, running.world, images)
    running.call(running.listeners.serve_http, "storage.googleapis.com", cloud_build.logs.serve_bucket)
    running.call(running.listeners.serve_http, "logging.googleapis.com", cloud_build.logs.serve_entries)
    running.serve(cloud_build.api())
    return Stage(served=running, images=images, messages=messages)
