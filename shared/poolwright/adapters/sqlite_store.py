"""The store in one SQLite file: the default on a laptop, several processes and threads at once."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from poolwright import metrics
from poolwright.services.ports import Conflict, Json, Stored, Weather

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  collection TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (collection, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS written ON documents (collection, version);
CREATE TABLE IF NOT EXISTS writes (newest INTEGER NOT NULL);
INSERT INTO writes SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM writes);
"""
_BUSY_SECONDS = 10.0
_LAST = "\U0010ffff"  # no key has it


class SqliteStore:
    """The `Store` port. A version is the number of the write that made it, so one that was deleted and made again
    never has an old version."""

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._mine = threading.local()
        self._turn = threading.Lock()
        self._made = False

    def get(self, collection: str, key: str) -> Stored | None:
        row = self._connection.execute(
            "SELECT key, version, body FROM documents WHERE collection = ? AND key = ?", (collection, key)
        ).fetchone()
        return _stored(row) if row else None

    def put(self, collection: str, key: str, body: Json, *, version: int | None) -> int:
        with self._writing() as connection:
            (new,) = connection.execute("UPDATE writes SET newest = newest + 1 RETURNING newest").fetchone()
            text = json.dumps(body, ensure_ascii=False)
            if version is None:
                sql = "INSERT OR IGNORE INTO documents (version, body, collection, key) VALUES (?, ?, ?, ?)"
                done = connection.execute(sql, (new, text, collection, key))
            else:
                sql = "UPDATE documents SET version = ?, body = ? WHERE collection = ? AND key = ? AND version = ?"
                done = connection.execute(sql, (new, text, collection, key, version))
            _expect_one(done, collection, key, version)
            return int(new)

    def delete(self, collection: str, key: str, *, version: int) -> None:
        with self._writing() as connection:
            sql = "DELETE FROM documents WHERE collection = ? AND key = ? AND version = ?"
            _expect_one(connection.execute(sql, (collection, key, version)), collection, key, version)

    def all(self, collection: str) -> list[Stored]:
        rows = self._connection.execute(
            "SELECT key, version, body FROM documents WHERE collection = ? ORDER BY key", (collection,)
        )
        return [_stored(row) for row in rows]

    def beginning(self, collection: str, prefix: str) -> list[Stored]:
        rows = self._connection.execute(
            "SELECT key, version, body FROM documents WHERE collection = ? AND key >= ? AND key < ? ORDER BY key",
            (collection, prefix, prefix + _LAST),
        )
        return [_stored(row) for row in rows]

    def newest(self, collection: str, *, most: int, before: int = 0) -> list[Stored]:
        rows = self._connection.execute(
            "SELECT key, version, body FROM documents WHERE collection = ? AND (? = 0 OR version < ?)"
            " ORDER BY version DESC LIMIT ?",
            (collection, before, before, most),
        )
        return [_stored(row) for row in rows]

    @property
    def _connection(self) -> sqlite3.Connection:
        """One a thread; each statement sees what others have committed."""
        connection: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
            connection.execute(
                "PRAGMA synchronous = NORMAL"
            )  # all survives a process, the last writes may not the power
            with self._turn, _weather():
                if not self._made:
                    connection.execute("PRAGMA journal_mode = WAL")
                    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
                    self._made = True
            self._mine.connection = connection
        return connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One thread of the process at a time: SQLite lets those who wait for it starve. Weather."""
        connection = self._connection
        with self._turn:
            with _weather():
                connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


@contextmanager
def _weather() -> Iterator[None]:
    """Weather where another process has written for so long that nobody else could."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        raise Weather(f"the store is busy: {error}") from error


def _stored(row: tuple[str, int, str]) -> Stored:
    return Stored(key=row[0], version=row[1], body=json.loads(row[2]), written=row[1])


def _expect_one(cursor: sqlite3.Cursor, collection: str, key: str, version: int | None) -> None:
    if cursor.rowcount != 1:
        was = "exists already" if version is None else f"is no longer at version {version}"
        metrics.conflict(collection)
        raise Conflict(f"{collection}/{key} {was}")
