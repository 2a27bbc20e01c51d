"""The one import trick: `google.cloud.compute_v1` without the two thirds of it that nobody here uses.

The package's own code imports 115 service clients and 4,000 names: 1 s and 150 MB. Registered as a `_Late` package,
its modules can be imported one by one (the messages and a few clients: half of both), and its own code runs only when
somebody asks it for a name that is no module of it. So whatever worked with the plain import still works.
Where the library is not laid out as known, the plain import is what happens. The other Google packages have few
services each and gain nothing (bench/cold_start.py).
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

COMPUTE = "google.cloud.compute_v1"


def compute_client(service: str, client: str) -> Any:
    """A client class, such as ("instance_group_managers", "InstanceGroupManagersClient")."""
    with _no_collection():
        lighten(COMPUTE)
        try:
            return getattr(importlib.import_module(f"{COMPUTE}.services.{service}"), client)
        except (ImportError, AttributeError):
            return getattr(importlib.import_module(COMPUTE), client)


def lighten(package: str) -> bool:
    """Register a generated package and its `types` as late ones; False where that is not possible or too late."""
    if package in sys.modules or (folder := _generated(package)) is None:
        return False
    _register(package, folder)
    _register(f"{package}.types", folder / "types")
    return True


def _generated(package: str) -> Path | None:
    """The package's folder, if it has the layout of Google's generated clients."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    parts = ("__init__.py", "types/__init__.py", "services/__init__.py")
    return folder if all((folder / part).is_file() for part in parts) else None


class _Late(ModuleType):
    """A package whose own code runs when it is first asked for a name that is no module of it."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        asks_for_code = name in ("__all__", "__version__") or not name.startswith("__")
        if not asks_for_code or spec is None or spec.loader is None or _is_module(spec, name):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        self.__class__ = ModuleType  # type: ignore[assignment]
        spec.loader.exec_module(self)
        return getattr(self, name)


def _is_module(spec: ModuleSpec, name: str) -> bool:
    """Whether the import system will find `name` as a file of the package."""
    return any(
        (Path(folder) / f"{name}.py").is_file() or (Path(folder) / name).is_dir()
        for folder in spec.submodule_search_locations or ()
    )


def _register(name: str, folder: Path) -> None:
    """What the import system does for a package, less running it."""
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None:
        return
    module = importlib.util.module_from_spec(spec)
    module.__class__ = _Late
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    setattr(sys.modules[parent], last, module)


@contextmanager
def _no_collection() -> Iterator[None]:
    """2,000 message classes are all to stay: looking for garbage among them costs a tenth of the import."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
