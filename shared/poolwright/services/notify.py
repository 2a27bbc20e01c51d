"""A record goes on to the webhook of its environment (https://api.slack.com/messaging/webhooks)."""

from __future__ import annotations

from poolwright import environments
from poolwright.events.notification import Notification
from poolwright.logs import redact
from poolwright.services.ports import Ports
from poolwright.verdicts import Irrelevant

_LONGEST = 3000  # characters; Slack cuts longer texts


def handle(event: Notification, ports: Ports) -> str:
    """Post it, at least once: what fails is delivered again by Pub/Sub. Irrelevant, Refused, Weather."""
    environment = environments.by_name(ports.environments, event.environment)
    if environment is None:
        raise Irrelevant(f"there is no environment {event.environment}")
    wanted = environment.notifications
    if not wanted.webhook_variable:
        raise Irrelevant(f"{environment.name} has no webhook")
    if wanted.kinds and event.kind not in wanted.kinds:
        raise Irrelevant(f"{environment.name} does not want to be told of {event.kind}")
    ports.webhook.post(wanted.webhook_variable, text(event))
    return f"{event.kind} of {event.subject} told to the webhook in {wanted.webhook_variable}"


def text(event: Notification) -> str:
    """One line for people, in the escapes that Slack asks for
    (https://api.slack.com/reference/surfaces/formatting#escaping)."""
    why = f": {event.why}" if event.why else ""
    asked = f" (asked by {event.requester})" if event.requester else ""
    line = redact(f"[{event.environment}] {event.subject.rpartition('/')[2]}: {event.what}{why}{asked}")[:_LONGEST]
    return line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
