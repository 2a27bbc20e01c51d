"""Many reads side by side, of which none waits for another, nor fails with it: for people, who would rather see most of
it now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TypeVar

from poolwright.logs import redact
from poolwright.services.ports import Missing
from poolwright.verdicts import Busy

_MOST = 16  # threads; each waits for somebody else most of its time
_LONGEST = 200  # characters of a reason
Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unknown:
    """What could not be read; `why` is for people and holds no secret."""

    why: str


def at_once(reads: Mapping[Key, Callable[[], Found]]) -> dict[Key, Found | Unknown]:
    """What each read gave, in the order in which they are given."""
    if not reads:
        return {}
    with ThreadPoolExecutor(min(_MOST, len(reads)), thread_name_prefix="read") as threads:
        begun = {key: threads.submit(copy_context().run, _tried, read) for key, read in reads.items()}
        return {key: each.result() for key, each in begun.items()}


def _tried(read: Callable[[], Found]) -> Found | Unknown:
    try:
        return read()
    except (Busy, Missing) as why:
        return Unknown(_said(why))
    except Exception as error:  # what is wrong with one place must not hide the others
        log.warning("something could not be read", exc_info=error)
        return Unknown(_said(error))


def _said(error: Exception) -> str:
    return redact(" ".join(str(error).split()))[:_LONGEST] or type(error).__name__
