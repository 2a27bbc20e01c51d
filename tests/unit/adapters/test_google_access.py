"""What a token of ours may be used for."""

from __future__ import annotations

from typing import Any

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials

from poolwright.adapters.google_access import GoogleAccess


def test_a_token_tells_a_cluster_our_email_which_its_rbac_names(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def default(scopes: Any) -> tuple[Any, str]:
        asked.extend(scopes)
        return AnonymousCredentials(), "my-project"

    monkeypatch.setattr(google.auth, "default", default)
    assert GoogleAccess({}).credentials is not None
    assert "https://www.googleapis.com/auth/userinfo.email" in asked
