"""gcloud, unmodified, on the embedded Pub/Sub; what it does is read back by the Python client."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from google.api_core import exceptions

from tests.contract.pubsub.bench import PROJECT, Bench

pytestmark = [
    pytest.mark.gcloud,
    pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed: its commands go untested"),
]

Gcloud = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def gcloud(embedded: Bench, tmp_path: Path) -> Gcloud:
    token = tmp_path / "token"
    token.write_text("any", "utf-8")
    environment = os.environ | {
        "CLOUDSDK_CONFIG": str(tmp_path / "config"),
        "CLOUDSDK_CORE_PROJECT": PROJECT,
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(token),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"http://{embedded.address}/",
    }

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["gcloud", "pubsub", *command], env=environment, text=True, capture_output=True, timeout=60, check=False
        )

    return run


def test_topics_are_created_listed_and_deleted(embedded: Bench, gcloud: Gcloud) -> None:
    name = embedded.name("topics")
    assert gcloud("topics", "create", name, "--labels=team=gpu").returncode == 0
    assert dict(embedded.publisher.get_topic(topic=name).labels) == {"team": "gpu"}
    assert name in gcloud("topics", "list", "--format=value(name)").stdout.split()

    again = gcloud("topics", "create", name)
    assert again.returncode == 1
    assert f"Resource already exists in the project (resource={name.rpartition('/')[2]})." in again.stderr

    assert gcloud("topics", "delete", name).returncode == 0
    with pytest.raises(exceptions.NotFound):
        embedded.publisher.get_topic(topic=name)
    assert "Resource not found (resource=" in gcloud("topics", "describe", name).stderr


def test_messages_are_published_pulled_and_acknowledged(embedded: Bench, gcloud: Gcloud) -> None:
    topic = embedded.topic()
    name = embedded.subscription(topic)
    published = gcloud("topics", "publish", topic, "--message=hello", "--attribute=kind=group")
    assert published.returncode == 0, published.stderr

    (pulled,) = json.loads(gcloud("subscriptions", "pull", name, "--format=json").stdout)
    assert (pulled["message"]["data"], pulled["message"]["attributes"]) == ("aGVsbG8=", {"kind": "group"})
    assert gcloud("subscriptions", "ack", name, f"--ack-ids={pulled['ackId']}").returncode == 0
    # Had it not been acknowledged, this would give it back to be pulled again.
    request = {"subscription": name, "ack_ids": [pulled["ackId"]], "ack_deadline_seconds": 0}
    embedded.subscriber.modify_ack_deadline(request=request)
    assert embedded.pull(name) == []


def test_a_subscription_is_created_and_updated_as_deployments_do(embedded: Bench, gcloud: Gcloud) -> None:
    topic, dead, name = embedded.topic(), embedded.topic(), embedded.name("subscriptions")
    created = gcloud(
        "subscriptions",
        "create",
        name,
        f"--topic={topic}",
        '--message-filter=attributes.status = "SUCCESS"',
        "--ack-deadline=90",
        "--expiration-period=never",
        "--min-retry-delay=10s",
        "--max-retry-delay=60s",
        f"--dead-letter-topic={dead}",
        "--max-delivery-attempts=7",
        "--push-endpoint=http://127.0.0.1:9/step",
        "--push-auth-service-account=push@demo-project.iam.gserviceaccount.com",
    )
    assert created.returncode == 0, created.stderr

    found = embedded.subscriber.get_subscription(subscription=name)
    assert found.filter == 'attributes.status = "SUCCESS"'
    assert (found.ack_deadline_seconds, found.retry_policy.maximum_backoff.seconds) == (90, 60)
    assert (found.dead_letter_policy.dead_letter_topic, found.dead_letter_policy.max_delivery_attempts) == (dead, 7)
    assert found.push_config.oidc_token.service_account_email == "push@demo-project.iam.gserviceaccount.com"
    assert "ttl" not in found.expiration_policy

    assert gcloud("subscriptions", "update", name, "--clear-dead-letter-policy", "--ack-deadline=30").returncode == 0
    found = embedded.subscriber.get_subscription(subscription=name)
    assert (found.ack_deadline_seconds, "dead_letter_policy" in found) == (30, False)

    assert gcloud("subscriptions", "delete", name).returncode == 0


def test_a_bad_filter_is_refused(embedded: Bench, gcloud: Gcloud) -> None:
    topic, name = embedded.topic(), embedded.name("subscriptions")
    refused = gcloud("subscriptions", "create", name, f"--topic={topic}", "--message-filter=status")
    assert refused.returncode == 1
    assert "filter" in refused.stderr
