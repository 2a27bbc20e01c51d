"""One delivery over HTTP, as Pub/Sub makes it (https://cloud.google.com/pubsub/docs/push#receive_push)."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import aiohttp

from localcloud.pubsub.oidc import Identity

log = logging.getLogger(__name__)

ACKNOWLEDGING = {102, 200, 201, 202, 204}
USER_AGENT = "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"


class HttpDelivery:
    """Posts messages to push endpoints, with an identity token where the subscription asks for one."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, subscription: dict[str, Any], message: dict[str, Any], attempt: int) -> bool:
        """Whether the endpoint acknowledged within the subscription's deadline (in the machine's own time)."""
        config = subscription["pushConfig"]
        endpoint = config["pushEndpoint"]
        body, headers = request_of(subscription, message, attempt)
        if "oidcToken" in config:
            headers["Authorization"] = f"Bearer {self._identity.token(config['oidcToken'], endpoint=endpoint)}"
        timeout = aiohttp.ClientTimeout(total=subscription["ackDeadlineSeconds"])
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), trust_env=False)
        try:
            async with self._session.post(
                endpoint, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as wrong:
            log.info("push to %s: %s", endpoint, wrong or type(wrong).__name__)
            return False
        return status in ACKNOWLEDGING

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def request_of(subscription: dict[str, Any], message: dict[str, Any], attempt: int) -> tuple[bytes, dict[str, str]]:
    """Body and headers: the JSON envelope, or with `noWrapper` the data itself."""
    headers = {"User-Agent": USER_AGENT, "From": "noreply@google.com", "Accept": "application/json"}
    unwrapped = subscription["pushConfig"].get("noWrapper")
    if unwrapped is None:
        body = json.dumps(envelope(subscription, message, attempt)).encode()
        return body, headers | {"Content-Type": "application/json"}
    if unwrapped.get("writeMetadata"):
        headers |= metadata(subscription, message)
    headers.setdefault("Content-Type", "application/octet-stream")
    return base64.b64decode(message.get("data", "")), headers


def envelope(subscription: dict[str, Any], message: dict[str, Any], attempt: int) -> dict[str, Any]:
    """The wrapped body; ids and times come under both of their names."""
    told = {"deliveryAttempt": attempt} if "deadLetterPolicy" in subscription else {}
    names = {"message_id": message["messageId"], "publish_time": message["publishTime"]}
    return {**told, "message": {**message, **names}, "subscription": subscription["name"]}


def metadata(subscription: dict[str, Any], message: dict[str, Any]) -> dict[str, str]:
    """The headers of `writeMetadata`; attributes under their own names."""
    ordering = {"x-goog-pubsub-ordering-key": message["orderingKey"]} if message.get("orderingKey") else {}
    return {
        "x-goog-pubsub-subscription-name": subscription["name"],
        "x-goog-pubsub-message-id": message["messageId"],
        "x-goog-pubsub-publish-time": message["publishTime"],
        **ordering,
        **message.get("attributes", {}),
    }
