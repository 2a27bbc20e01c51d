"""The append-only record of what was heard, decided and done, and why."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

from poolwright.services.ports import Conflict, Ports

log = logging.getLogger(__name__)


def record(
    ports: Ports,
    *,
    kind: str,
    subject: str,
    what: str,
    why: str = "",
    cause: str = "",
    once: str = "",
    **details: Any,
) -> None:
    """Append one record. `subject` is the thing it is about, `cause` the message that led to it; a second record with
    the same `once` (default: everything but the time) is the same happening heard again, and is left out."""
    identity = once or "|".join([kind, subject, what, why, cause])
    key = hashlib.sha256(f"{kind}|{subject}|{identity}".encode()).hexdigest()[:32]
    body = {"at": ports.clock.now(), "kind": kind, "subject": subject, "what": what, "why": why, "cause": cause}
    try:
        ports.store.put("records", key, body | details, version=None)
    except Conflict:
        return
    log.info("%s: %s%s", subject, what, f" ({why})" if why else "", extra={"labels": {"record": kind}})
