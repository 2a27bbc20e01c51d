"""A Cloud Monitoring incident, schema 1.2: `Incident`.

https://cloud.google.com/monitoring/support/notification-options#schema-pubsub. The policy names the provisioner it
watches by three user labels, because nothing else in an incident does so dependably.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict

from poolwright.events.envelope import Message
from poolwright.events.reading import glance, json_object, shaped
from poolwright.verdicts import Irrelevant, Refused

_LABELS = ("poolwright_provisioner", "poolwright_cluster", "poolwright_location")
_REMEDY = "Only Cloud Monitoring should publish to this topic: check who holds the publisher role on it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Incident:
    """An alert of a provisioner's policy opened or closed.

    `observed_value` and `threshold_value` are in the unit of the policy's metric; None where Monitoring sent none.
    """

    message_id: str
    publish_time: datetime
    subscription: str
    incident_id: str
    project: str
    location: str
    cluster: str
    provisioner: str
    open: bool
    policy: str
    observed_value: float | None
    threshold_value: float | None


class _Details(TypedDict):
    incident_id: str
    scoping_project_id: str
    state: Literal["open", "closed"]
    policy_name: NotRequired[str]
    policy_user_labels: dict[str, str]
    observed_value: NotRequired[str | float | None]
    threshold_value: NotRequired[str | float | None]


class _Notification(TypedDict):
    incident: _Details


def decode(message: Message) -> Incident:
    """Raises `Irrelevant` for incidents of other people's policies, `Refused` for malformed messages."""
    body = json_object(message.data, where="message.data", remedy=_REMEDY)
    labels = glance(body, "incident", "policy_user_labels")
    if isinstance(glance(body, "incident"), dict) and _anonymous(labels):
        raise Irrelevant("the alert policy names no provisioner")
    incident = shaped(body, _Notification, remedy=_REMEDY)["incident"]
    labels = incident["policy_user_labels"]
    missing = [name for name in _LABELS if not labels.get(name)]
    if missing:
        raise Refused(
            "incident.policy_user_labels",
            f"name a provisioner but lack {', '.join(missing)}",
            f"Give the alert policy all of the user labels {', '.join(_LABELS)}",
        )
    return Incident(
        message_id=message.id,
        publish_time=message.publish_time,
        subscription=message.subscription,
        incident_id=incident["incident_id"],
        project=incident["scoping_project_id"],
        location=labels["poolwright_location"],
        cluster=labels["poolwright_cluster"],
        provisioner=labels["poolwright_provisioner"],
        open=incident["state"] == "open",
        policy=incident.get("policy_name", ""),
        observed_value=_number(incident.get("observed_value")),
        threshold_value=_number(incident.get("threshold_value")),
    )


def _anonymous(labels: Any) -> bool:
    return labels is None or (isinstance(labels, dict) and not any(name in labels for name in _LABELS))


def _number(value: str | float | None) -> float | None:
    """Monitoring writes numbers as text, sometimes empty. What is no finite number is unknown: it is only a hint."""
    try:
        number = float(value) if value is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
