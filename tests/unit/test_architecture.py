"""What the layout promises and no linter checks. Which file knows which outside system stands in
adapters/test_outside_systems.py, which part may import which in .importlinter.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools import package

ROOT = Path(__file__).parents[2]
PRODUCT = sorted([*(ROOT / "functions").glob("*.py"), *(ROOT / "shared" / "poolwright").rglob("*.py")])
ENTRY_POINTS = sorted(path for path in (ROOT / "functions").glob("*.py") if path.name not in ("main.py", "delivery.py"))
TRIGGERS = [path for path in ENTRY_POINTS if path.stem != "status_page"]  # which answers people, and no message

# What carries several of Google's APIs stands in the files that are about that, and in the adapter that needs it whole.
TRANSPORT = {
    "google.auth": {"google_access", "google_errors", "iap"},  # who we are, who others are; is an error weather
    "requests": {  # connections and errors of Google's clients; a webhook is of nobody's client
        "google_access",
        "google_errors",
        "iap",
        "webhook",
    },
    "google.api_core": {  # what Google's clients raise, where it means something
        "compute",
        "compute_operations",
        "firestore_store",
        "google_errors",
        "google_rest",
    },
}


def modules(path: Path) -> set[str]:
    """The modules that a file imports anywhere."""
    found: set[str] = set()
    for part in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(part, ast.Import):
            found |= {alias.name for alias in part.names}
        elif isinstance(part, ast.ImportFrom) and part.module and not part.level:
            found |= {f"{part.module}.{alias.name}" for alias in part.names}
    return found


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("library", TRANSPORT)
def test_a_transport_is_known_to_the_files_that_are_about_it(library: str) -> None:
    knowing = {path.stem for path in PRODUCT if any(f"{name}.".startswith(f"{library}.") for name in modules(path))}
    assert knowing <= TRANSPORT[library]


def test_adapters_alone_import_outside_libraries() -> None:
    allowed = {"poolwright", "msgspec", "yaml"} | set(sys.stdlib_module_names) - {"sqlite3", "http", "urllib", "socket"}
    for path in PRODUCT:
        if "adapters" in path.parts or path.parent.name == "functions" or path.stem == "traces":  # OpenTelemetry's file
            continue
        screens = {"typer", "rich"} if "cli" in path.parts else {"jinja2"} if "status_page" in path.parts else set()
        assert {name.partition(".")[0] for name in modules(path)} <= allowed | screens, path.relative_to(ROOT)


@pytest.mark.parametrize("path", TRIGGERS, ids=lambda path: path.stem)
def test_a_trigger_decodes_calls_one_service_and_returns(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 36
    assert f"def {path.stem}(request: Request) -> Answer:" in text
    services = {name for name in modules(path) if name.startswith("poolwright.services.")}
    assert services == {f"poolwright.services.{path.stem}"}


def test_main_lists_every_trigger() -> None:
    names = re.search(r"__all__ = (\[.*?\])", (ROOT / "functions" / "main.py").read_text("utf-8"), re.DOTALL)
    assert names is not None
    assert ast.literal_eval(names[1]) == [path.stem for path in ENTRY_POINTS]


def test_nothing_of_the_product_names_the_stand_in() -> None:
    naming = [path for path in PRODUCT if "localcloud" in path.read_text("utf-8").lower()]
    assert naming == []


def test_nothing_is_bound_to_one_machine_or_one_registry() -> None:
    # Homes, work folders, and where packages are fetched from: pip's own configuration knows that. What runs on a node
    # (packer) is about that machine's own folders.
    bound = re.compile(
        r"(?<![\w.:/-])/(?:home/(?!kubernetes\b)\w+|root|Users|work|workspace)/\S|--(?:extra-)?index-url|files\.pythonhosted|/simple/"
    )
    found = []
    for path in tracked():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        if path != Path(__file__) and "packer" not in path.parts:
            found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in bound.finditer(text)]
    assert found == []


def test_the_same_sources_make_the_same_archive(tmp_path: Path) -> None:
    first, second = package.build(tmp_path / "one.zip"), package.build(tmp_path / "two.zip")
    assert first.read_bytes() == second.read_bytes()
