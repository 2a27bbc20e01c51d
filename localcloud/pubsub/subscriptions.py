"""Subscriptions: google.pubsub.v1.Subscriber.

https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions
"""

from __future__ import annotations

import copy
from typing import Any
from urllib.parse import urlsplit

from localcloud.dispatch import Answer, Call
from localcloud.errors import GoogleError
from localcloud.pubsub.backlog import Backlog
from localcloud.pubsub.durations import seconds_of
from localcloud.pubsub.filters import check_filter
from localcloud.pubsub.limits import check_backoff, check_labels, check_retention, invalid, refuse_unoffered
from localcloud.pubsub.names import DELETED_TOPIC, already_exists, not_found, project_path, resource_name
from localcloud.pubsub.redelivery import MAX_DELIVERY_ATTEMPTS, MAXIMUM_BACKOFF, MINIMUM_BACKOFF
from localcloud.pubsub.topics import Topics
from localcloud.pubsub.updates import changed, page
from localcloud.world import World

ACK_DEADLINE = 10
WEEK = "604800s"
UNOFFERED = ("bigqueryConfig", "cloudStorageConfig", "bigtableConfig", "messageTransforms")
MONTH = "2678400s"

MUTABLE = {
    "pushConfig", "bigqueryConfig", "cloudStorageConfig", "ackDeadlineSeconds", "retainAckedMessages",
    "messageRetentionDuration", "labels", "expirationPolicy", "deadLetterPolicy", "retryPolicy",
    "enableExactlyOnceDelivery", "messageTransforms", "tags",
}  # fmt: skip


class Subscriptions:
    """Subscriptions in the table `pubsub.subscriptions`, as Google prints them."""

    def __init__(self, world: World, backlog: Backlog, topics: Topics) -> None:
        self._world = world
        self._backlog = backlog
        self._topics = topics

    def named(self, name: str) -> dict[str, Any]:
        """The subscription, by its name or its name with the project's number."""
        full = resource_name(self._world, "subscriptions", name)
        if full not in self._table:
            raise not_found(full)
        found = dict(self._table[full])
        kept = self._world.table("pubsub.topics").get(found["topic"], {}).get("messageRetentionDuration")
        return {**found, "topicMessageRetentionDuration": kept} if kept else found

    def create(self, body: dict[str, Any]) -> Answer:
        """A new subscription from its JSON; it gets what is published from now on."""
        name = resource_name(self._world, "subscriptions", body.get("name", ""))
        topic = self._topics.named(body.get("topic", ""))
        if name in self._table:
            raise already_exists(name)
        given = {**copy.deepcopy(body), "name": name, "topic": topic["name"]}
        for output in ("detached", "topicMessageRetentionDuration"):
            given.pop(output, None)
        self._table[name] = self._checked(given)
        return self.named(name)

    @property
    def _table(self) -> dict[str, Any]:
        return self._world.table("pubsub.subscriptions")

    def _checked(self, body: dict[str, Any]) -> dict[str, Any]:
        """The subscription with what Google fills in; refuses what Google refuses."""
        _check_ack_deadline(body.get("ackDeadlineSeconds", ACK_DEADLINE))
        check_retention(body.get("messageRetentionDuration"))
        check_labels(body.get("labels", {}))
        check_filter(body.get("filter", ""))
        refuse_unoffered(body, UNOFFERED)
        defaults: dict[str, Any] = {
            "ackDeadlineSeconds": ACK_DEADLINE,
            "messageRetentionDuration": WEEK,
            "expirationPolicy": {"ttl": MONTH},
            "pushConfig": {},
            "state": "ACTIVE",
        }
        full = defaults | body
        full["pushConfig"] = _push_config(full["pushConfig"])
        if "retryPolicy" in full:
            full["retryPolicy"] = _retry_policy(full["retryPolicy"])
        if "deadLetterPolicy" in full:
            full["deadLetterPolicy"] = self._dead_letter_policy(full["deadLetterPolicy"])
        return full

    def _dead_letter_policy(self, policy: dict[str, Any]) -> dict[str, Any]:
        attempts = policy.get("maxDeliveryAttempts") or MAX_DELIVERY_ATTEMPTS
        _check_attempts(attempts)
        topic = policy.get("deadLetterTopic", "")
        if topic != DELETED_TOPIC:
            topic = self._topics.named(topic)["name"]
        return {"deadLetterTopic": topic, "maxDeliveryAttempts": attempts}

    # Subscriber's methods

    def CreateSubscription(self, call: Call) -> Answer:
        return self.create(call.params)

    def GetSubscription(self, call: Call) -> Answer:
        return self.named(call.params.get("subscription", ""))

    def UpdateSubscription(self, call: Call) -> Answer:
        wanted = call.params.get("subscription", {})
        subscription = self.named(wanted.get("name", ""))
        mask = call.params.get("updateMask", "")
        fresh = changed(subscription, wanted, mask, kind="Subscription", mutable=MUTABLE)
        return self._change(subscription["name"], fresh)

    def ModifyPushConfig(self, call: Call) -> Answer:
        subscription = self.named(call.params.get("subscription", ""))
        self._change(subscription["name"], {**subscription, "pushConfig": call.params.get("pushConfig", {})})
        return {}

    def ListSubscriptions(self, call: Call) -> Answer:
        start = project_path(self._world, call.params.get("project", "")) + "/"
        names = [name for name in self._table if name.startswith(start)]
        chosen, token = page(names, call.params)
        return {"subscriptions": [self.named(name) for name in chosen], **token}

    def DeleteSubscription(self, call: Call) -> Answer:
        name = self.named(call.params.get("subscription", ""))["name"]
        del self._table[name]
        self._backlog.drop(name)
        self._world.table("pubsub.policies").pop(name, None)
        return {}

    def DetachSubscription(self, call: Call) -> Answer:
        """It stays, gets nothing more and loses what it had."""
        name = self.named(call.params.get("subscription", ""))["name"]
        self._table[name]["detached"] = True
        self._backlog.drop(name)
        return {}

    def _change(self, name: str, fresh: dict[str, Any]) -> Answer:
        fresh.pop("topicMessageRetentionDuration", None)
        self._table[name] = self._checked(fresh)
        self._world.tell("pubsub.queued", name)
        return self.named(name)


def _check_attempts(attempts: int) -> None:
    if not 5 <= attempts <= 100:
        size, end, bound = ("small", "minimum", 5) if attempts < 5 else ("large", "maximum", 100)
        raise GoogleError(
            "OUT_OF_RANGE",
            f"The value for max_delivery_attempts is too {size}. You passed {attempts} in the request, "
            f"but the {end} value is {bound}.",
        )


def _check_ack_deadline(seconds: int) -> None:
    if not 10 <= seconds <= 600:
        raise invalid(
            f"Invalid ack deadline given (ack_deadline={seconds}). The ack deadline must be between 10 and 600 seconds."
        )


def _push_config(config: dict[str, Any]) -> dict[str, Any]:
    endpoint = config.get("pushEndpoint", "")
    if not endpoint:
        return {}
    url = urlsplit(endpoint)
    # Google wants HTTPS of a public host; here functions listen on loopback.
    if url.scheme not in ("http", "https") or not url.hostname:
        raise invalid(
            f"Invalid push endpoint given (endpoint={endpoint}). "
            "Refer to https://cloud.google.com/pubsub/subscriber#create for more information."
        )
    oidc = config.get("oidcToken")
    if oidc is not None and not oidc.get("serviceAccountEmail"):
        raise invalid("The push_config.oidc_token.service_account_email must be set.")
    return config


def _retry_policy(policy: dict[str, Any]) -> dict[str, Any]:
    low = seconds_of(policy.get("minimumBackoff"), MINIMUM_BACKOFF)
    high = seconds_of(policy.get("maximumBackoff"), max(low, MAXIMUM_BACKOFF))
    check_backoff("minimum_backoff", low, 0)
    check_backoff("maximum_backoff", high, low)
    return {"minimumBackoff": f"{low:g}s", "maximumBackoff": f"{high:g}s"}
