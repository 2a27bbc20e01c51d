"""Pub/Sub: topics, subscriptions, push and pull delivery, backoff, dead letters, filters, ordering."""

from localcloud.pubsub.names import HOST
from localcloud.pubsub.push import Deliver
from localcloud.pubsub.service import PubSub

__all__ = ["HOST", "Deliver", "PubSub"]
