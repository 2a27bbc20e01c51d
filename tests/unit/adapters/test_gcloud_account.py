"""Who asks, as a claim for the records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from poolwright.adapters.gcloud_account import claimed


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of a person who has logged in with gcloud."""
    gcloud = tmp_path / ".config" / "gcloud"
    (gcloud / "configurations").mkdir(parents=True)
    (gcloud / "active_config").write_text("work")
    (gcloud / "configurations" / "config_work").write_text("[core]\naccount = ada@acme.example\nproject = 100%\n")
    return tmp_path


def test_a_key_file_that_is_named_says_who_asks(home: Path, tmp_path: Path) -> None:
    key = tmp_path / "key.json"
    key.write_text(json.dumps({"type": "service_account", "client_email": "ci@acme.iam.gserviceaccount.com"}))
    variables = {"GOOGLE_APPLICATION_CREDENTIALS": str(key), "CLOUDSDK_CORE_ACCOUNT": "bob@acme.example"}
    assert claimed(variables, home) == "ci@acme.iam.gserviceaccount.com"


def test_credentials_without_a_name_leave_it_to_gcloud(home: Path) -> None:
    path = home / ".config" / "gcloud" / "application_default_credentials.json"
    path.write_text(json.dumps({"type": "authorized_user", "account": "", "refresh_token": "secret"}))
    assert claimed({}, home) == "ada@acme.example"
    assert claimed({"CLOUDSDK_CORE_ACCOUNT": "bob@acme.example"}, home) == "bob@acme.example"


def test_credentials_that_name_an_account_say_who_asks(home: Path) -> None:
    path = home / ".config" / "gcloud" / "application_default_credentials.json"
    path.write_text(json.dumps({"type": "authorized_user", "account": "grace@acme.example"}))
    assert claimed({}, home) == "grace@acme.example"


def test_gclouds_folder_may_be_elsewhere(home: Path, tmp_path: Path) -> None:
    assert claimed({"CLOUDSDK_CONFIG": str(home / ".config" / "gcloud")}, tmp_path / "nobody") == "ada@acme.example"


@pytest.mark.parametrize("broken", ["", "[", "[]", "\x00"])
def test_files_that_cannot_be_read_are_nobodys(broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "linus")
    (tmp_path / "configurations").mkdir()
    for name in ("application_default_credentials.json", "configurations/config_default", "active_config"):
        (tmp_path / name).write_text(broken)
    assert claimed({"CLOUDSDK_CONFIG": str(tmp_path)}, tmp_path) == "linus"


def test_without_a_login_it_is_the_machines_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "linus")
    assert claimed({}, tmp_path) == "linus"
