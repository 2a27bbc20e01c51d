"""The ground of flows, where each function is an identity of its own and the stand-in holds it to its role."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from functions_framework import create_app
from google.auth.credentials import Credentials

from localcloud.access import Access, Need
from localcloud.deployment import DEAD_LETTERS, STATUS_PAGE
from poolwright.adapters.google_access import GoogleAccess
from poolwright.services.ports import Json, Ports
from tests.chaos import pushing
from tests.chaos.ground import Ground
from tests.chaos.harness import PERSON, Flow
from tests.chaos.outside import Around
from tests.permissions.reach import PORTS, TOPICS

FIRESTORE, CONTROL_PLANES = "firestore.googleapis.com", "gke.goog"


@dataclass
class Seen:
    """What functions did: `uses` of a function's permissions, its `calls` of ports and topics as `reach` names them,
    and what the roles did not allow."""

    uses: dict[str, set[Need]] = field(default_factory=dict)
    calls: dict[str, set[str]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)

    def add(self, access: Access) -> None:
        """What the stand-in noted since it was asked last."""
        for use in access.uses:
            self.uses.setdefault(use.identity, set()).add(use.need)
        self.denied |= {f"{each.identity}: {each.method} needs {each.need}" for each in access.denied}
        self.denied |= {f"access.yaml has no line for {each}" for each in access.unknown}
        access.uses.clear()
        access.denied.clear()
        access.unknown.clear()


class Guarded(Ground):
    """`roles`: what each identity may do. Who it is goes along with its calls, as its token does: a function, or
    `person` at the command line."""

    def __init__(
        self, *, folder: Path, world: Path, environments: Path, roles: Mapping[str, set[Need]], seen: Seen
    ) -> None:
        super().__init__(folder=folder, world=world, environments=environments)
        self.person = self.function = PERSON
        self.seen = seen
        self.access = self.stack.world.access
        self.access.whose = str  # a function's token is its name
        for function, needs in roles.items():
            self.access.grant(function, needs)
        self._page = create_app(STATUS_PAGE, str(pushing.ROOT / "functions" / "main.py")).test_client()
        late = self.ports.__dict__
        late["_access"] = _Access(self)
        for port in PORTS:
            if port != "store":
                late[port] = _Watched(self, port, getattr(self.ports, port))

    def look(self, path: str) -> int:
        """Somebody asks the status page for a path; its answer's status."""
        self.function, before = STATUS_PAGE, self.function
        try:
            return int(self._page.get(path).status_code)
        finally:
            self.function = before

    def _subscribe(self) -> None:
        super()._subscribe()
        assert self.stack.pubsub is not None
        self.stack.pubsub.create_topic(DEAD_LETTERS)

    @contextmanager
    def flow(self, **more: Any) -> Iterator[Flow]:
        with super().flow(**more) as flow:
            late = self.ports.__dict__
            late["store"] = _Watched(self, "store", _Firestore(self, late["store"]))
            try:
                yield flow
            finally:
                self.seen.add(self.access)

    def call(self, function: str, body: Json, *, weather: Around | None = None) -> int:
        self.function, before = self.person if function == PERSON else function, self.function
        try:
            return super().call(function, body, weather=weather)
        finally:
            self.function = before


class _Name(Credentials):  # type: ignore[misc]
    """The name of whoever calls just now."""

    def __init__(self, ground: Guarded) -> None:
        super().__init__()
        self._ground = ground

    @property
    def valid(self) -> bool:
        return True

    def refresh(self, request: Any) -> None:
        """Names do not age."""

    def before_request(self, request: Any, method: str, url: str, headers: dict[str, str]) -> None:
        headers["authorization"] = f"Bearer {self._ground.function}"


class _Access(GoogleAccess):
    """gRPC sends no credentials in clear text; here the name goes along."""

    def __init__(self, ground: Guarded) -> None:
        super().__init__(ground.ports._settings.endpoints)  # type: ignore[attr-defined]
        self._ground = ground
        self.__dict__["credentials"] = _Name(ground)

    def grpc(self, client: Any, host: str) -> Any:
        import grpc

        ground, real = self._ground, grpc.insecure_channel

        class Interceptor(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
            def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
                metadata = [*(details.metadata or ()), ("authorization", f"Bearer {ground.function}")]
                return continuation(details._replace(metadata=metadata), request)

        def named(*args: Any, **more: Any) -> Any:
            return grpc.intercept_channel(real(*args, **more), Interceptor())

        with mock.patch.object(grpc, "insecure_channel", named):
            return super().grpc(client, host)


class _Watched:
    """A port whose calls are noted under the function that makes them."""

    def __init__(self, ground: Guarded, port: str, real: Any) -> None:
        self._ground, self._port, self._real = ground, port, real

    def __getattr__(self, name: str) -> Any:
        real: Callable[..., Any] = getattr(self._real, name)

        @functools.wraps(real)
        def method(*args: Any, **more: Any) -> Any:
            calls = self._ground.seen.calls.setdefault(self._ground.function, set())
            calls.add(f"{self._port}.{name}")
            if self._port == "clusters":  # by its DNS-based endpoint, if it has one
                bearer = f"Bearer {self._ground.function}"
                self._ground.access.check(bearer, host=CONTROL_PLANES, method="kubernetes", params={})
            if self._port == "publisher":
                calls.add(_topic(self._ground.ports, args[0]))
            return real(*args, **more)

        return method


def _topic(ports: Ports, named: str) -> str:
    return next((each for each in TOPICS if getattr(ports, each) == named), named)


class _Firestore:
    """A store that asks first whether Firestore would let the function in."""

    def __init__(self, ground: Guarded, real: Any) -> None:
        self._ground, self._real = ground, real

    def __getattr__(self, name: str) -> Any:
        real: Callable[..., Any] = getattr(self._real, name)

        @functools.wraps(real)
        def method(*args: Any, **more: Any) -> Any:
            asked = f"Firestore.{firestore_method(name, more)}"
            bearer = f"Bearer {self._ground.function}"
            self._ground.access.check(bearer, host=FIRESTORE, method=asked, params={})
            return real(*args, **more)

        return method


def firestore_method(name: str, more: Mapping[str, Any]) -> str:
    """What a method of the store asks Firestore, as `access.yaml` calls it; `test_store` shows that it does."""
    if name == "put":
        return "Commit create" if more["version"] is None else "Commit update"
    return {"get": "BatchGetDocuments", "delete": "Commit delete"}.get(name, "RunQuery")
