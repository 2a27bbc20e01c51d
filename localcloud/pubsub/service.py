"""Pub/Sub as a whole: its parts put together, and what the rest of the stand-in calls."""

from __future__ import annotations

import base64
import logging
from typing import Any

import grpc

from localcloud import schema
from localcloud.dispatch import Answer, Api, Handler
from localcloud.errors import GoogleError
from localcloud.pubsub.backlog import Backlog, Entry
from localcloud.pubsub.http_delivery import HttpDelivery
from localcloud.pubsub.names import HOST
from localcloud.pubsub.oidc import Identity
from localcloud.pubsub.policies import Policies
from localcloud.pubsub.pulling import Arrivals, Pulling
from localcloud.pubsub.push import Deliver, Push
from localcloud.pubsub.redelivery import Redelivery
from localcloud.pubsub.snapshots import Snapshots
from localcloud.pubsub.streaming import Streaming
from localcloud.pubsub.subscriptions import Subscriptions
from localcloud.pubsub.topics import Topics
from localcloud.world import World

log = logging.getLogger(__name__)

PUBLISHER, SUBSCRIBER = "google.pubsub.v1.Publisher", "google.pubsub.v1.Subscriber"
IAM = "google.iam.v1.IAMPolicy"


class PubSub:
    """Google Pub/Sub in one process; all of it is in the world's tables and queue.

    `deliver`: an async callable `(subscription, message, attempt)` of JSON resources that says whether a push was
    acknowledged; without it, pushes go over HTTP. The world's `publish` goes here from now on.
    """

    def __init__(self, world: World, *, deliver: Deliver | None = None) -> None:
        self._world = world
        self.identity = Identity()
        self._http = HttpDelivery(self.identity)
        self._backlog = Backlog(world)
        self._topics = Topics(world, self._backlog)
        self._subscriptions = Subscriptions(world, self._backlog, self._topics)
        self._snapshots = Snapshots(world, self._backlog, self._subscriptions)
        self._policies = Policies(world)
        self._arrivals = Arrivals(world)
        self._pulling = Pulling(self._backlog, self._subscriptions, self._arrivals)
        self._push = Push(world, self._backlog, deliver or self._http)
        self._redelivery = Redelivery(world, self._backlog, self._publish_message)
        world.publish = self.publish

    # For the rest of the stand-in

    def create_topic(self, name: str, **fields: Any) -> Answer:
        """A topic by its id or full name; `fields` as in the REST resource."""
        return self._topics.create({"name": self._full("topics", name), **fields})

    def create_subscription(self, name: str, *, topic: str, **fields: Any) -> Answer:
        """A subscription by its id or full name; `fields` as in the REST resource (`pushConfig`, `filter`, ...)."""
        body = {"name": self._full("subscriptions", name), "topic": self._full("topics", topic), **fields}
        return self._subscriptions.create(body)

    def publish(self, topic: str, data: bytes, attributes: dict[str, str]) -> None:
        """Publish to a topic by its id or full name; a topic that is not there is logged, nothing more."""
        message = {"data": base64.b64encode(data).decode(), "attributes": dict(attributes)}
        if self._publish_message(topic, message) is None:
            log.info("no topic %s: a message of %d bytes goes nowhere", topic, len(data))

    def queued(self, subscription: str) -> list[Entry]:
        """What a subscription (by id or full name) has not had acknowledged, in the order of delivery.

        Each `{"message": PubsubMessage, "state": "queued" | "leased" | "pushed" | "waiting", "failures": N, ...}`.
        """
        entries = self._backlog.entries(self._full("subscriptions", subscription)).values()
        return [dict(entry) for entry in entries if entry["state"] != "acked"]

    def jwks(self) -> dict[str, Any]:
        """The keys that sign push identities, as https://www.googleapis.com/oauth2/v3/certs."""
        return self.identity.jwks()

    def go_on(self) -> None:
        """Deliver what is queued: after the world was loaded, or once an event loop runs."""
        self._push.go_on()

    async def settle(self) -> None:
        """Until no push is under way; what waits for its time still waits."""
        await self._push.settle()

    async def close(self) -> None:
        """Give up pushes under way and close their connections."""
        await self._push.close()
        await self._http.close()

    def api(self) -> Api:
        """REST and gRPC of Publisher and Subscriber; schemas are answered UNIMPLEMENTED."""
        methods = [
            *schema.methods_of("google.pubsub_v1", "publisher", "Publisher"),
            *schema.methods_of("google.pubsub_v1", "subscriber", "Subscriber"),
            *schema.methods_of("google.pubsub_v1", "schema_service", "SchemaService"),
        ]
        unique = list({(each.service, each.name): each for each in methods}.values())
        streaming = next(each for each in unique if each.streaming)
        streams = Streaming(
            streaming,
            calls=self._world.calls,
            backlog=self._backlog,
            pulling=self._pulling,
            arrivals=self._arrivals,
        )
        return PubSubApi(streams, world=self._world, host=HOST, methods=unique, handlers=self._handlers())

    def _handlers(self) -> dict[str, Handler]:
        owners: dict[str, list[object]] = {
            PUBLISHER: [self._topics],
            SUBSCRIBER: [self._subscriptions, self._pulling, self._snapshots],
            IAM: [self._policies],
        }
        handlers: dict[str, Handler] = {}
        for service, parts in owners.items():
            for part in parts:
                # Google's methods, and they alone, are named in capitals.
                names = [name for name in dir(part) if name[0].isupper()]
                handlers |= {f"{service}.{name}": getattr(part, name) for name in names}
        handlers[f"{PUBLISHER}.DetachSubscription"] = handlers.pop(f"{SUBSCRIBER}.DetachSubscription")
        return handlers

    def _publish_message(self, topic: str, message: dict[str, Any]) -> str | None:
        try:
            return self._topics.publish(self._full("topics", topic), [message])[0]
        except GoogleError:
            return None

    def _full(self, kind: str, name: str) -> str:
        return name if name.startswith("projects/") else f"projects/{self._world.project}/{kind}/{name}"


class PubSubApi(Api):
    """The API with its one method that is a stream of both sides."""

    def __init__(self, streaming: Streaming, **given: Any) -> None:
        super().__init__(**given)
        self._streaming = streaming

    def grpc_handlers(self) -> list[grpc.GenericRpcHandler]:
        """Unary methods and StreamingPull."""
        return [self._streaming.handler(), *super().grpc_handlers()]
