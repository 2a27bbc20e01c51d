"""The once-a-minute message from Cloud Scheduler: `Tick`. Its body says nothing, its arrival does."""

from dataclasses import dataclass
from datetime import datetime

from poolwright.events.envelope import Message

OLD_SECONDS = 150.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """A minute went by."""

    message_id: str
    publish_time: datetime
    subscription: str

    def is_old(self, *, now: float) -> bool:
        """Whether later ticks have come already (`now` in seconds since the epoch): after an outage Pub/Sub delivers
        all that it kept, and one look around is enough."""
        return now - self.publish_time.timestamp() > OLD_SECONDS


def decode(message: Message) -> Tick:
    """Takes any body: whoever may publish here may ask for a look around."""
    return Tick(message_id=message.id, publish_time=message.publish_time, subscription=message.subscription)
