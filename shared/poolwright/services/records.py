"""The append-only record of what was heard, decided and done, and why; each record is also a message on our topic
`notifications`. docs/designs/audit-without-gaps.md says why nothing is missing whenever a process dies.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import Any

from poolwright import metrics
from poolwright.entries import Entry
from poolwright.logs import redact
from poolwright.services.ports import Conflict, Ports

COLLECTION = "records"
log = logging.getLogger(__name__)


def record(
    ports: Ports,
    *,
    kind: str,
    subject: str,
    what: str,
    environment: str = "",
    why: str = "",
    cause: str = "",
    requester: str = "",
    before: str = "",
    after: str = "",
    once: str = "",
    **details: Any,
) -> None:
    """Append one record, unless the same happening is recorded already: whoever repeats a step may repeat this.
    Weather."""
    entry = Entry(
        kind=kind, subject=subject, what=what, at=ports.clock.now(), environment=environment, why=why, cause=cause,
        requester=requester, before=before, after=after, once=once, details=details,
    )  # fmt: skip
    ensure(ports, entry)


def ensure(ports: Ports, entry: Entry) -> None:
    """Tell it, unless that was done. Weather."""
    if ports.store.get(COLLECTION, entry.key) is None:
        tell(ports, [entry])


def note(ports: Ports, entry: Entry) -> None:
    """Append it, unless it is there, without a message: for what comes a thousand times and was told once. Weather."""
    try:
        ports.store.put(COLLECTION, entry.key, _redacted(entry.body), version=None)
    except Conflict:
        return


def tell(ports: Ports, entries: Iterable[Entry]) -> None:
    """Publish and append these, in this order. Weather.

    What is in the store was published before; so whoever dies in between and tells them again loses none, and at worst
    publishes one twice under the same key. A caller keeps its entries (in its own document) until this returns.
    """
    for entry in entries:
        body = _redacted(entry.body)
        attributes = {
            "kind": entry.kind,
            "environment": entry.environment,
            "subject": body["subject"][:1000],  # https://cloud.google.com/pubsub/quotas#resource_limits
            "key": entry.key,
        }
        ports.publisher.publish(ports.notifications_topic, json.dumps({"key": entry.key, **body}).encode(), attributes)
        try:
            ports.store.put(COLLECTION, entry.key, body, version=None)
        except Conflict:
            continue
        why = f" ({body['why']})" if body["why"] else ""
        log.info("%s: %s%s", body["subject"], body["what"], why, extra={"labels": {"record": entry.kind}})
        metrics.record(entry.environment, entry.kind)


def _redacted(value: Any) -> Any:
    """Reasons quote other people's errors, which quote what they refuse."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {name: _redacted(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(each) for each in value]
    return value
