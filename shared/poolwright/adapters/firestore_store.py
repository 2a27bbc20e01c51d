"""The store in Firestore, through google-cloud-firestore (https://cloud.google.com/firestore/docs/reference/rpc).

FIRESTORE_EMULATOR_HOST is honoured, as by the library.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import quote

from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.api_core.exceptions import Aborted, AlreadyExists, FailedPrecondition, NotFound
from google.protobuf.timestamp_pb2 import Timestamp

from poolwright import metrics
from poolwright.adapters.google_errors import READ_RETRY, TIMEOUT, translated
from poolwright.services.ports import Conflict, Json, Stored

_PREFIX = "poolwright-"
_LAST = "\U0010ffff"  # no key has it


class FirestoreStore:
    """The `Store` port. A version is the nanosecond at which Firestore took the document: its own precondition, one
    round trip a write, never the same for a document that was deleted and made again.

    The body is one JSON text: Firestore's own maps have no arrays in arrays, and an index entry for every leaf.
    """

    def __init__(self, *, project: str, database: str) -> None:
        self._project = project
        self._database = database

    @cached_property
    def _client(self) -> Any:
        from google.cloud.firestore import Client

        return Client(project=self._project, database=self._database)

    @translated()
    def get(self, collection: str, key: str) -> Stored | None:
        found = self._document(collection, key).get(retry=READ_RETRY, timeout=TIMEOUT)
        return _stored(found) if found.exists else None

    @translated()
    def put(self, collection: str, key: str, body: Json, *, version: int | None) -> int:
        document = self._document(collection, key)
        # `after` differs at each write: Firestore keeps the update time of a document that a write leaves as it was,
        # and two writers of the same body would both believe they won.
        # `written` is for an order of time: Firestore keeps an index of fields alone, not of update times.
        fields = {
            "key": key,
            "body": json.dumps(body, ensure_ascii=False),
            "after": version or 0,
            "written": time.time_ns(),
        }
        with _conflicts(collection, key, version):
            if version is None:
                result = document.create(fields, retry=None, timeout=TIMEOUT)
            else:
                result = document.update(fields, option=self._if_still(version), retry=None, timeout=TIMEOUT)
        return _nanoseconds(result.update_time)

    @translated()
    def delete(self, collection: str, key: str, *, version: int) -> None:
        document = self._document(collection, key)
        with _conflicts(collection, key, version):
            document.delete(option=self._if_still(version), retry=None, timeout=TIMEOUT)

    @translated()
    def all(self, collection: str) -> list[Stored]:
        found = self._client.collection(_PREFIX + collection).stream(retry=READ_RETRY, timeout=TIMEOUT)
        return sorted(map(_stored, found), key=lambda document: document.key)

    @translated()
    def beginning(self, collection: str, prefix: str) -> list[Stored]:
        from google.cloud.firestore import FieldFilter

        # One field, so the index that Firestore keeps by itself serves it; text is ordered by its UTF-8 bytes
        # (https://cloud.google.com/firestore/docs/concepts/data-types#data_types).
        among = self._client.collection(_PREFIX + collection)
        begun = among.where(filter=FieldFilter("key", ">=", prefix)).where(
            filter=FieldFilter("key", "<", prefix + _LAST)
        )
        found = begun.stream(retry=READ_RETRY, timeout=TIMEOUT)
        return sorted(map(_stored, found), key=lambda document: document.key)

    @translated()
    def newest(self, collection: str, *, most: int, before: int = 0) -> list[Stored]:
        from google.cloud.firestore import FieldFilter, Query

        wanted = self._client.collection(_PREFIX + collection).order_by("written", direction=Query.DESCENDING)
        if before:
            wanted = wanted.where(filter=FieldFilter("written", "<", before))
        return [_stored(each) for each in wanted.limit(most).stream(retry=READ_RETRY, timeout=TIMEOUT)]

    def _document(self, collection: str, key: str) -> Any:
        return self._client.collection(_PREFIX + collection).document(_document_id(key))

    def _if_still(self, version: int) -> Any:
        seconds, nanos = divmod(version, 10**9)
        return self._client.write_option(last_update_time=Timestamp(seconds=seconds, nanos=nanos))


@contextmanager
def _conflicts(collection: str, key: str, version: int | None) -> Iterator[None]:
    try:
        yield
    except (AlreadyExists, FailedPrecondition, NotFound, Aborted) as error:
        was = "exists already" if version is None else f"is no longer at version {version}"
        metrics.conflict(collection)
        raise Conflict(f"{collection}/{key} {was}") from error


def _document_id(key: str) -> str:
    """A name that Firestore takes: no slash, not `.` or `..`, not `__...__`."""
    name = quote(key, safe="")
    return f"%{ord(name[0]):02X}{name[1:]}" if name[0] in "._" else name


def _stored(found: Any) -> Stored:
    fields = found.to_dict()
    return Stored(
        key=fields["key"],
        version=_nanoseconds(found.update_time),
        body=json.loads(fields["body"]),
        written=fields.get("written", 0),
    )


def _nanoseconds(moment: DatetimeWithNanoseconds) -> int:
    stamp = moment.timestamp_pb()
    return int(stamp.seconds) * 10**9 + int(stamp.nanos)
