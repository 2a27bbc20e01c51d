"""Pub/Sub: topics, subscriptions, push and pull delivery, backoff, dead letters, filters, ordering."""

from localcloud.pubsub.service import HOST, PubSub

__all__ = ["HOST", "PubSub"]
