"""Every import trick there is. The first: clients of `google.cloud.compute_v1` with the messages that they speak of.

The package imports 115 service clients and builds 2,000 message classes: 1 s and 150 MB. Two clients speak of a twelfth
of the messages. So their modules are imported in a `google.cloud.compute_v1` that is a bare folder, beside a module
of messages made of just those class statements of the library's own `types/compute.py`. Afterwards that stand-in is
taken away: whoever imports the package plainly, before or after, has all of it, and shares nothing with ours.
Where anything is not as known, the plain import is what happens. The other Google packages have few services each and
gain little (docs/bench.md).

The second: `without_async_rest`.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import logging
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = "google.cloud.compute_v1"
CLIENTS = {"InstanceGroupManagersClient": "instance_group_managers", "ImagesClient": "images"}
_SERVICES = (*CLIENTS.values(), "zone_operations", "global_operations")  # the last two are imported by the others
_MESSAGES = f"{__name__}.messages"  # also the name of their file in protobuf's pool, where names are unique
_ASYNC_REST = "google.auth.aio.transport.sessions"

_CLASS = re.compile(rb"\nclass (\w+)\(")
_MENTIONED = re.compile(rb"\bcompute\.([A-Z]\w*)")  # in a client: `compute.Operation`
_REFERENCE = re.compile(rb'\b(?:message|enum)="(\w+)')  # in a message: `message="Metadata"`

_one_at_a_time = threading.Lock()
log = logging.getLogger(__name__)


def compute_client(name: str) -> Any:
    """One of CLIENTS, a class."""
    with _one_at_a_time:
        return _clients()[name]


@cache
def _clients() -> dict[str, Any]:
    if PACKAGE not in sys.modules:
        try:
            with _no_collection():
                return _light()
        except Exception as reason:  # whatever a library that is laid out differently makes of this
            log.warning("%s is imported whole, which is slow: %s: %s", PACKAGE, type(reason).__name__, reason)
    whole = importlib.import_module(PACKAGE)
    return {name: getattr(whole, name) for name in CLIENTS}


def _light() -> dict[str, Any]:
    """The clients, beside the messages that they mention."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError("it is not installed")
    folder = Path(spec.origin).parent
    with _stand_in(folder):
        sys.modules[f"{PACKAGE}.types.compute"] = _messages(folder)
        services = {name: importlib.import_module(f"{PACKAGE}.services.{service}") for name, service in CLIENTS.items()}
        return {name: getattr(service, name) for name, service in services.items()}


@contextmanager
def _stand_in(folder: Path) -> Iterator[None]:
    """The package and its `types` as bare folders: their modules can be imported, their own code does not run."""
    try:
        for name, place in ((PACKAGE, folder), (f"{PACKAGE}.types", folder / "types")):
            spec = importlib.util.spec_from_file_location(
                name, place / "__init__.py", submodule_search_locations=[str(place)]
            )
            assert spec is not None  # only an unknown kind of file has none
            sys.modules[name] = importlib.util.module_from_spec(spec)
        yield
    finally:
        # Of a list, which is made in one go: other threads import meanwhile.
        for name in [name for name in list(sys.modules) if name == PACKAGE or name.startswith(f"{PACKAGE}.")]:
            del sys.modules[name]
        parent, _, last = PACKAGE.rpartition(".")
        vars(sys.modules[parent]).pop(last, None)


def _messages(folder: Path) -> ModuleType:
    """A module of the messages that our services mention, and of those that these are made of."""
    import proto

    clients = b"".join(path.read_bytes() for name in _SERVICES for path in (folder / "services" / name).rglob("*.py"))
    source = (folder / "types" / "compute.py").read_bytes()
    classes = _closed(set(_MENTIONED.findall(clients)), source)
    head = source[: source.index(b"\n__protobuf__ = ")]
    module = ModuleType(_MESSAGES)
    # A package of its own, as the pool knows messages by their full names. REST never tells it.
    vars(module)["__protobuf__"] = proto.module(package=_MESSAGES, manifest={name.decode() for name in classes})
    sys.modules[_MESSAGES] = module  # where proto-plus looks for __protobuf__
    code = compile(head + b"".join(classes.values()), f"<of {folder}/types/compute.py>", "exec", 0, True, 2)
    exec(code, vars(module))  # noqa: S102
    return module


def _closed(wanted: set[bytes], source: bytes) -> dict[bytes, bytes]:
    """The statements of these classes and of all that they refer to, by name."""
    found = list(_CLASS.finditer(source))
    ends = [following.start() for following in found[1:]] + [source.rindex(b"\n__all__ = ")]
    places = {each[1]: slice(each.start(), end) for each, end in zip(found, ends, strict=True)}
    closed: dict[bytes, bytes] = {}
    while wanted:
        name = wanted.pop()
        if name in places and name not in closed:
            closed[name] = source[places[name]]
            wanted.update(_REFERENCE.findall(closed[name]))
    return closed


@contextmanager
def without_async_rest() -> Iterator[None]:
    """A block that imports a client of long-running operations. Where aiohttp is installed (the Kubernetes client
    brings it), google-api-core imports it for an asynchronous transport, 0.13 s; where not, it does without."""
    if _ASYNC_REST in sys.modules:
        yield
        return
    sys.modules[_ASYNC_REST] = None  # type: ignore[assignment]  # to the import system: not there
    try:
        yield
    finally:
        sys.modules.pop(_ASYNC_REST, None)


@contextmanager
def _no_collection() -> Iterator[None]:
    """All of it is to stay: looking for garbage in between costs a tenth of the import."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
