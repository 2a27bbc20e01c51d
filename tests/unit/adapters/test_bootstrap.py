"""What a process imports when it uses one port: that port's adapter, and no other."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from poolwright import bootstrap
from poolwright.bootstrap import ports
from poolwright.settings import BadSetting, Settings

SHARED = Path(__file__).parents[3] / "shared"
PROGRAM = """
import json, sys
from poolwright.bootstrap import ports
used = ports()
for name in sys.argv[1:]:
    getattr(used, name)
print(json.dumps([name.rpartition(".")[2] for name in sys.modules if name.startswith("poolwright.adapters.")]
                 + [name for name in ("google.auth", "kubernetes", "yaml", "sqlite3", "grpc") if name in sys.modules]))
"""
GOOGLE = {"google_access", "google.auth"}
DEV = """
name: dev
project: acme-dev
clusters: [{name: serving, location: us-central1}]
buildServiceAccount: image-builder@acme-dev.iam.gserviceaccount.com
"""


@pytest.fixture(autouse=True)
def dev(tmp_path: Path) -> None:
    (tmp_path / "dev.yaml").write_text(DEV)


KUBERNETES = {"kubernetes", "kubernetes_objects", "kubernetes_pages"}


@pytest.mark.parametrize(
    ("used", "imported"),
    [
        ("", set()),
        ("clock", {"clock"}),
        ("store", {"sqlite_store", "sqlite3"}),
        ("environments", {"yaml"}),
        ("publisher", {*GOOGLE, "google_errors", "pubsub", "grpc"}),
        ("gke", {*GOOGLE, "google_errors", "gke", "grpc"}),
        ("clusters", {*GOOGLE, "google_errors", "gke", *KUBERNETES, "grpc", "yaml"}),
    ],
)
def test_a_process_imports_what_it_uses(tmp_path: Path, used: str, imported: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *used.split()],
        env={
            "PYTHONPATH": str(SHARED),
            "POOLWRIGHT_PROJECT": "p",
            "POOLWRIGHT_STORE": f"sqlite:{tmp_path / 'x.db'}",
            "POOLWRIGHT_ENVIRONMENTS": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(json.loads(done.stdout)) == imported


def settings(folder: Path, *, store: str) -> Settings:
    return Settings(project="p", environments=folder, store=store, endpoints={}, work_topic="w", dead_letter_topic="d")


def test_settings_reach_what_they_name(tmp_path: Path) -> None:
    made = ports(settings(tmp_path, store=f"sqlite:{tmp_path / 'here.db'}"))
    made.store.put("c", "k", {}, version=None)
    assert (tmp_path / "here.db").exists()
    assert (made.work_topic, made.dead_letter_topic) == ("w", "d")
    assert [environment.name for environment in made.environments] == ["dev"]


def test_a_port_is_made_once(tmp_path: Path) -> None:
    made = ports(settings(tmp_path, store="firestore:other"))
    assert made.store is made.store
    assert made.compute is made.compute
    assert type(made.store).__name__ == "FirestoreStore"


def test_a_process_has_one_set_of_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLWRIGHT_PROJECT", "p")
    bootstrap._of_process.cache_clear()
    assert ports() is ports()
    bootstrap._of_process.cache_clear()


def test_a_bad_setting_is_told_each_time_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POOLWRIGHT_PROJECT", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    bootstrap._of_process.cache_clear()
    for _ in range(2):
        with pytest.raises(BadSetting, match="POOLWRIGHT_PROJECT is not set"):
            ports()


def test_ids_are_nobody_elses(tmp_path: Path) -> None:
    clock = ports(settings(tmp_path, store="sqlite:x")).clock
    assert len({clock.unique() for _ in range(1000)}) == 1000
    assert clock.now() > 1_700_000_000
