"""The once-a-minute message from Cloud Scheduler: `Tick`. Its body says nothing, its arrival does."""

from dataclasses import dataclass
from datetime import datetime

from poolwright.events.envelope import Message


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A minute went by. `publish_time` tells an old tick, kept back by Pub/Sub, from a fresh one."""

    message_id: str
    publish_time: datetime
    subscription: str


def decode(message: Message) -> Tick:
    """Takes any body: whoever may publish here may ask for a look around."""
    return Tick(message_id=message.id, publish_time=message.publish_time, subscription=message.subscription)
