"""google.pubsub.v1.Subscriber.StreamingPull: messages and acknowledgements on one open gRPC stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from localcloud.calls import CallLog, CallRecord
from localcloud.errors import GoogleError
from localcloud.pubsub.backlog import Backlog, Entry
from localcloud.pubsub.limits import invalid
from localcloud.pubsub.names import HOST
from localcloud.pubsub.pulling import Arrivals, Pulling, received
from localcloud.schema import Method

BATCH = 1000
# How often a silent stream looks again, in the machine's own time: leases that ended make room for others.
GLANCE = 30.0


class Streaming:
    """Opens streams; `method` is StreamingPull as the client library describes it."""

    def __init__(
        self, method: Method, *, calls: CallLog, backlog: Backlog, pulling: Pulling, arrivals: Arrivals
    ) -> None:
        self._method = method
        self._calls = calls
        self._backlog = backlog
        self._pulling = pulling
        self._arrivals = arrivals

    def handler(self) -> grpc.GenericRpcHandler:
        """For grpc.aio's server."""
        answer = grpc.stream_stream_rpc_method_handler(
            self.stream_pull,
            request_deserializer=self._method.request.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )
        return grpc.method_handlers_generic_handler(self._method.service, {self._method.name: answer})

    async def stream_pull(
        self, requests: AsyncIterator[Any], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[Message]:
        """Until the client closes its side: hand out what flow control leaves room for, take what it answers."""
        first = await anext(aiter(requests), None)
        if first is None:
            return
        params = json_format.MessageToDict(first)
        self._calls.add(CallRecord(host=HOST, method="Subscriber.StreamingPull", params=params, code=200))
        try:
            subscription = self._pulling.pullable(first.subscription)
            stream = _Stream(subscription, first, backlog=self._backlog, pulling=self._pulling)
        except GoogleError as error:
            await context.abort(error.grpc_code(), error.message)
        reading = asyncio.create_task(self._read(stream, requests))
        try:
            while not reading.done():
                if entries := stream.take():
                    yield self._answer(subscription, entries)
                    continue
                await self._arrivals.wait(subscription["name"], timeout=GLANCE)
                subscription = self._pulling.pullable(subscription["name"])
            await reading
        except GoogleError as error:
            await context.abort(error.grpc_code(), error.message)
        finally:
            reading.cancel()
            stream.close()

    async def _read(self, stream: _Stream, requests: AsyncIterator[Any]) -> None:
        try:
            async for request in requests:
                stream.hear(request)
        finally:
            self._arrivals.wake(stream.subscription["name"])

    def _answer(self, subscription: dict[str, Any], entries: list[Entry]) -> Message:
        properties = {
            "exactlyOnceDeliveryEnabled": subscription.get("enableExactlyOnceDelivery", False),
            "messageOrderingEnabled": subscription.get("enableMessageOrdering", False),
        }
        answer = {
            "receivedMessages": [received(subscription, entry) for entry in entries],
            "subscriptionProperties": properties,
        }
        return json_format.ParseDict(answer, self._method.response())


class _Stream:
    """One stream's terms (deadline, flow control) and what it holds."""

    def __init__(self, subscription: dict[str, Any], first: Any, *, backlog: Backlog, pulling: Pulling) -> None:
        self.subscription = subscription
        self._backlog = backlog
        self._pulling = pulling
        self._seconds = 0
        self._max_messages = first.max_outstanding_messages
        self._max_bytes = first.max_outstanding_bytes
        self._held: dict[str, int] = {}
        self._agree(first.stream_ack_deadline_seconds)
        self.hear(first)

    def hear(self, request: Any) -> None:
        """Acknowledgements and deadlines out of one request."""
        if request.stream_ack_deadline_seconds:
            self._agree(request.stream_ack_deadline_seconds)
        name = self.subscription["name"]
        if len(request.modify_deadline_seconds) != len(request.modify_deadline_ack_ids):
            raise invalid("ack IDs and deadlines must have the same size")
        for ack_id, seconds in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True):
            self._backlog.extend(name, [ack_id], seconds=seconds)
        self._backlog.acknowledge(name, request.ack_ids)

    def take(self) -> list[Entry]:
        """What may be handed out now."""
        name = self.subscription["name"]
        self._held = {ack_id: size for ack_id, size in self._held.items() if self._backlog.holds(name, ack_id)}
        room = self._max_messages - len(self._held) if self._max_messages > 0 else BATCH
        if self._max_bytes > 0 and sum(self._held.values()) >= self._max_bytes:
            return []
        entries = self._pulling.take(self.subscription, min(room, BATCH), seconds=self._seconds)
        self._held |= {entry["ackId"]: len(entry["message"].get("data", "")) * 3 // 4 for entry in entries}
        return entries

    def close(self) -> None:
        """Forget what is held: the leases run on, and a client that is gone lets them end."""
        self._held.clear()

    def _agree(self, seconds: int) -> None:
        if not 10 <= seconds <= 600:
            raise invalid("stream_ack_deadline_seconds must be between 10 and 600 seconds")
        self._seconds = seconds
