"""One file knows one outside system: read from the imports of the whole package."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "shared" / "poolwright"
CLIENT = re.compile(r"google\.cloud\.[a-z_.]+_v\d+")
KNOWN_BY = {
    "google.cloud.compute_v1": "google_imports",
    "google.cloud.container_v1": "gke",
    "google.cloud.devtools.cloudbuild_v1": "cloud_build",
    "google.cloud.monitoring_v3": "monitoring",
    "google.pubsub_v1": "pubsub",
    "google.cloud.firestore": "firestore_store",
    "kubernetes": "kubernetes",
    "sqlite3": "sqlite_store",
}


def named(file: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside, by name or by text."""
    for part in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(part, ast.Import):
            yield from (alias.name for alias in part.names)
        elif isinstance(part, ast.ImportFrom) and part.module:
            yield from (f"{part.module}.{alias.name}" for alias in part.names)
        elif isinstance(part, ast.Constant) and CLIENT.fullmatch(str(part.value)):
            yield str(part.value)


FILES = {file: set(named(file)) for file in sorted(PACKAGE.rglob("*.py"))}


@pytest.mark.parametrize(("system", "file"), KNOWN_BY.items())
def test_an_outside_system_is_known_to_one_file(system: str, file: str) -> None:
    knowing = [
        str(path.relative_to(PACKAGE))
        for path, modules in FILES.items()
        if any(module == system or module.startswith(f"{system}.") for module in modules)
    ]
    assert knowing == [f"adapters/{file}.py"]


def test_no_other_google_service_is_used() -> None:
    services = {module for modules in FILES.values() for module in modules if module.startswith("google.cloud.")}
    assert {module for module in services if not module.startswith(tuple(KNOWN_BY))} == set()
