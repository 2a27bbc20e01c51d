"""Compute's surface: every method of the client library."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from localcloud.schema import Method, methods_of

PACKAGE = "google.cloud.compute_v1"


@lru_cache(maxsize=1)
def compute_methods() -> tuple[Method, ...]:
    """All methods of all services."""
    services = importlib.import_module(f"{PACKAGE}.services")
    found: list[Method] = []
    for each in pkgutil.iter_modules(services.__path__):
        rest = importlib.import_module(f"{PACKAGE}.services.{each.name}.transports.rest")
        transport = next(name for name in vars(rest) if name.endswith("RestTransport") and not name.startswith("_"))
        found += methods_of(PACKAGE, each.name, transport.removesuffix("RestTransport"), grpc_too=False)
    return tuple(found)
