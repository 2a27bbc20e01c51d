"""The acknowledgement rule: how every function answers Pub/Sub, in one place.

| what happened                               | log      | HTTP | what Pub/Sub does                                    |
|---------------------------------------------|----------|------|------------------------------------------------------|
| handled                                     | INFO     | 204  | acknowledged                                         |
| `Irrelevant`: found on decoding             | DEBUG    | 204  | acknowledged                                         |
| `Irrelevant`: found by the service          | INFO     | 204  | acknowledged                                         |
| `Refused`: can never succeed; parked by us  | ERROR    | 204  | acknowledged: refused once, kept in the dead letters |
| `Refused`, and parking it failed            | ERROR    | 422  | again with backoff, then its own dead-letter rule    |
| `Busy`: not now (a lease, an API's weather) | INFO     | 503  | again with backoff                                   |
| any other exception: a bug                  | ERROR    | 500  | again with backoff, then its own dead-letter rule    |
| no POST: a person or a probe                | -        | 405  | never sends one                                      |

Pub/Sub takes 102, 200, 201, 202 and 204 for an acknowledgement and everything else, or silence until the deadline,
for a refusal: https://cloud.google.com/pubsub/docs/push#receive_push. How often "again" is, and after how many attempts
a message is a dead letter, stands in the subscription. No message is delivered for ever, and none is lost in silence.

A parked message keeps its data and attributes and gains `poolwright-*` attributes that say why.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from flask import Request

from poolwright import logs, metrics, traces
from poolwright.events.envelope import Message, open_envelope
from poolwright.verdicts import Busy, Irrelevant, Refused

Answer = tuple[str, int]
Event = TypeVar("Event")

ACKNOWLEDGED: Answer = ("", 204)

# https://cloud.google.com/pubsub/quotas#resource_limits
_MAX_PUBLISH_BYTES = 10_000_000
_MAX_ATTRIBUTES = 100
_MAX_ATTRIBUTE_BYTES = 1024

log = logging.getLogger("poolwright.delivery")


def deliver(
    request: Request, *, function: str, decode: Callable[[Message], Event], handle: Callable[[Event], str]
) -> Answer:
    """Takes one push from request to answer. `handle` returns a sentence that says what was done."""
    if request.method != "POST":
        return "This function takes pushes of Pub/Sub alone.", 405
    headers = {name.lower(): value for name, value in request.headers.items()}
    with logs.context(headers, function=function):
        try:
            message = open_envelope(request.get_data(), headers)
        except Refused as refusal:
            return _refuse(refusal, data=request.get_data(), attributes={}, subscription="", function=function)
        with (
            logs.context(
                message_id=message.id,
                subscription=message.subscription,
                delivery_attempt=str(message.delivery_attempt or ""),
            ),
            ExitStack() as inside,
        ):
            return _answer(message, inside, function=function, decode=decode, handle=handle)


def _answer(
    message: Message,
    inside: ExitStack,
    *,
    function: str,
    decode: Callable[[Message], Event],
    handle: Callable[[Event], str],
) -> Answer:
    level = logging.DEBUG
    try:
        event = decode(message)
        inside.enter_context(_traced(message, function))  # what concerns nobody is most of it, and no step of anything
        level = logging.INFO  # it looked like ours: somebody may wonder why nothing came of it
        log.info("message %s: %s", message.id, handle(event))
        metrics.message(function, "handled")
    except Irrelevant as verdict:
        log.log(level, "message %s concerns nobody: %s", message.id, verdict.reason)
        if level == logging.INFO:
            metrics.message(function, "irrelevant")
    except Busy as verdict:
        log.info("message %s comes again later: %s", message.id, verdict.reason)
        metrics.message(function, "busy")
        return "Busy, deliver it again later.", 503
    except Refused as refusal:
        refusal.message_id = message.id
        return _refuse(
            refusal,
            data=message.data,
            attributes=dict(message.attributes),
            subscription=message.subscription,
            function=function,
        )
    except Exception as error:
        traces.failed(error)
        log.exception("message %s failed, Pub/Sub delivers it again", message.id)
        metrics.message(function, "failed")
        return "Failed, see the log.", 500
    return ACKNOWLEDGED


@contextmanager
def _traced(message: Message, function: str) -> Iterator[None]:
    """Lines written inside belong to the message's span where there is one, else to the request's."""
    handled = traces.handling(
        message.attributes,
        function=function,
        message_id=message.id,
        subscription=message.subscription,
        attempt=message.delivery_attempt or 0,
    )
    with handled as span, logs.context({"traceparent": span} if span else None):
        yield


def _refuse(refusal: Refused, *, data: bytes, attributes: dict[str, str], subscription: str, function: str) -> Answer:
    message_id = refusal.message_id or "unknown"
    reasons = {
        "poolwright-function": function,
        "poolwright-subscription": subscription,
        "poolwright-message-id": message_id,
        "poolwright-where": refusal.where,
        "poolwright-problem": refusal.problem,
        "poolwright-remedy": refusal.remedy,
    }
    kept = dict(list(attributes.items())[: _MAX_ATTRIBUTES - len(reasons)])
    failure = _park(data, kept | {name: _cut(logs.redact(text)) for name, text in reasons.items() if text})
    log.error(
        "message %s refused: %s: %s. %s%s",
        message_id,
        refusal.where,
        refusal.problem,
        refusal.remedy,
        f" (not parked: {failure}; Pub/Sub delivers it again)" if failure else "",
        extra={"labels": {"message_id": message_id, "where": refusal.where}},
    )
    metrics.message(function, "refused")
    return ("Refused, see the log.", 422) if failure else ACKNOWLEDGED


def _park(data: bytes, attributes: dict[str, str]) -> str:
    """Publishes a refused message to the dead-letter topic. Returns why it could not, or nothing."""
    try:
        if (
            len(data) + sum(len(name.encode() + text.encode()) for name, text in attributes.items())
            > _MAX_PUBLISH_BYTES
        ):
            return "it is too large to publish"
        from poolwright.bootstrap import ports

        outside = ports()
        outside.publisher.publish(outside.dead_letter_topic, data, attributes)
    except Exception as error:
        return f"publishing failed with {type(error).__name__}: {error}"
    return ""


def _cut(text: str) -> str:
    return text.encode(errors="replace")[:_MAX_ATTRIBUTE_BYTES].decode(errors="ignore")
