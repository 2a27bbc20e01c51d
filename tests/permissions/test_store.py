"""What the store's methods are to Firestore: which of its methods, and under which condition, for that is what decides
on the permission (https://cloud.google.com/firestore/docs/security/iam#required_permissions)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.cloud.firestore_v1.types import firestore as messages
from google.cloud.firestore_v1.types import write as writes
from google.protobuf.timestamp_pb2 import Timestamp

from localcloud import access
from poolwright.adapters.firestore_store import FirestoreStore
from tests.permissions.guarded import FIRESTORE, firestore_method

NOW = Timestamp(seconds=1_700_000_000)


@dataclass
class Database:
    """A Firestore that has nothing and takes everything, and what it was asked, by Google's names of it."""

    asked: list[str] = field(default_factory=list)

    def commit(self, request: Any, context: Any) -> Any:
        (write,) = request.writes
        condition = write.current_document
        if write.delete:
            kind = "delete"
        else:
            kind = "create" if condition._pb.WhichOneof("condition_type") == "exists" else "update"
            assert kind == "update" or not condition.exists
        self.asked.append(f"Commit {kind}")
        return messages.CommitResponse(write_results=[writes.WriteResult(update_time=NOW)], commit_time=NOW)

    def batch_get(self, request: Any, context: Any) -> Iterator[Any]:
        self.asked.append("BatchGetDocuments")
        yield messages.BatchGetDocumentsResponse(missing=request.documents[0], read_time=NOW)

    def query(self, request: Any, context: Any) -> Iterator[Any]:
        self.asked.append("RunQuery")
        yield messages.RunQueryResponse(read_time=NOW)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    made = Database()
    server = grpc.server(ThreadPoolExecutor(2))
    one, many = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    methods = {
        "Commit": (one, made.commit),
        "BatchGetDocuments": (many, made.batch_get),
        "RunQuery": (many, made.query),
    }
    handlers = {
        name: kind(
            work,
            request_deserializer=getattr(messages, f"{name}Request").deserialize,
            response_serializer=getattr(messages, f"{name}Response").serialize,
        )
        for name, (kind, work) in methods.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("google.firestore.v1.Firestore", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{port}")
    yield made
    server.stop(None)


CALLS: dict[str, tuple[Any, ...]] = {
    "get": ("c", "k"),
    "put new": ("c", "k", {}),
    "put": ("c", "k", {}),
    "delete": ("c", "k"),
    "all": ("c",),
    "beginning": ("c", "k"),
    "newest": ("c",),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_method_of_the_store_is_that_method_of_firestore(call: str, database: Database) -> None:
    name, _, new = call.partition(" ")
    conditions: dict[str, dict[str, Any]] = {
        "put": {"version": None if new else 1},
        "delete": {"version": 1},
        "newest": {"most": 1},
    }
    more = conditions.get(name, {})
    store = FirestoreStore(project="p", database="(default)")
    getattr(store, name)(*CALLS[call], **more)
    assert database.asked == [firestore_method(name, more)]


def test_every_method_of_the_store_is_known() -> None:
    methods = {name for name in vars(FirestoreStore) if not name.startswith("_")}
    assert methods == {call.partition(" ")[0] for call in CALLS}
    known = access.table()[FIRESTORE]["methods"]
    assert {f"Firestore.{firestore_method(name, {'version': v})}" for name in methods for v in (None, 1)} == set(known)
