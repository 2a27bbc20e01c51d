"""Who we are to Google, and where its APIs are."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError

from localcloud.credentials import service_account_file
from poolwright.adapters.compute import HOST, ComputeEngine
from poolwright.adapters.google_access import GoogleAccess
from poolwright.references import GroupRef
from poolwright.services.ports import Weather
from tests.contract.adapters.conftest import Canned

GROUP_PATH = "/compute/v1/projects/p/zones/z/instanceGroupManagers/g"
TEMPLATE_PATH = "/compute/v1/projects/p/global/instanceTemplates/t"
TOKEN = {"access_token": "ya29.given", "expires_in": 3600, "token_type": "Bearer"}


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Names a service account's key to the process; its tokens are at the URL given."""

    def name(token_uri: str) -> None:
        file = service_account_file(tmp_path, project="p", email="me@p.iam.gserviceaccount.com", token_uri=token_uri)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))

    return name


def test_credentials_that_are_named_are_used_on_a_stand_in_too(canned: Canned, key_file: Callable[[str], None]) -> None:
    key_file(f"{canned.url}/token")
    canned.tell("POST", "/token", (200, TOKEN))
    canned.tell("GET", GROUP_PATH, (200, {"name": "g"}))
    canned.tell("GET", TEMPLATE_PATH, (200, {"name": "t"}))
    access = GoogleAccess({HOST: canned.url})
    compute = ComputeEngine(access)
    compute.group(GroupRef("p", "z", "g"))
    compute.template("projects/p/global/instanceTemplates/t")
    sent = {asked.path: asked.headers.get("authorization", "") for asked in canned.asked}
    assert sent[GROUP_PATH].startswith("Bearer ")
    assert sent[TEMPLATE_PATH] == "Bearer ya29.given"
    assert access.token() == "ya29.given"


def test_with_a_stand_in_nobody_else_is_asked(
    canned: Canned, key_file: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file(f"{canned.url}/token")
    canned.tell("POST", "/token", (200, TOKEN))
    canned.tell("GET", GROUP_PATH, (200, {"name": "g"}))
    canned.tell("GET", TEMPLATE_PATH, (200, {"name": "t"}))
    before, asked, look_up = threading.enumerate(), set[str](), socket.getaddrinfo

    def note(host: str, *more: Any, **named: Any) -> Any:
        asked.add(host)
        return look_up(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", note)
    compute = ComputeEngine(GoogleAccess({HOST: canned.url}))
    compute.group(GroupRef("p", "z", "g"))
    compute.template("projects/p/global/instanceTemplates/t")
    for thread in set(threading.enumerate()) - set(before):
        thread.join(1)
    assert asked == {"127.0.0.1"}


def test_a_token_is_fetched_once_while_it_is_good(canned: Canned, key_file: Callable[[str], None]) -> None:
    key_file(f"{canned.url}/token")
    canned.tell("POST", "/token", (200, TOKEN))
    access = GoogleAccess({})
    assert [access.token(), access.token()] == ["ya29.given"] * 2
    assert len(canned.asked) == 1


def test_a_token_server_that_is_away_is_weather(key_file: Callable[[str], None]) -> None:
    key_file("http://127.0.0.1:1/token")
    with pytest.raises(Weather):
        GoogleAccess({}).token()


def test_on_a_stand_in_nobodys_credentials_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    assert GoogleAccess({HOST: "http://127.0.0.1:1"}).token() == ""


@pytest.mark.parametrize("endpoints", [{}, {HOST: "https://compute-ours.p.googleapis.com"}])
def test_google_itself_is_not_called_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endpoints: dict[str, str]
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gone.json"))
    with pytest.raises(DefaultCredentialsError, match=r"gone\.json"):
        GoogleAccess(endpoints).token()


def test_a_private_endpoint_of_google_gets_our_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    ours = AnonymousCredentials()
    monkeypatch.setattr("google.auth.default", lambda scopes: (ours, "p"))
    assert GoogleAccess({HOST: "https://compute-ours.p.googleapis.com"}).credentials is ours


def test_an_api_is_where_google_has_it_unless_told_otherwise() -> None:
    access = GoogleAccess({HOST: "http://127.0.0.1:1234/"})
    assert access.url(HOST) == "http://127.0.0.1:1234"
    assert access.url("container.googleapis.com") == "https://container.googleapis.com"
