"""Whom Identity-Aware Proxy vouches for, by tokens signed as it signs them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.auth import jwt
from google.auth.crypt import ES256Signer, RSASigner

from poolwright.adapters.iap import HEADER, IdentityAwareProxy
from poolwright.verdicts import Refused

AUDIENCE = "/projects/314159265358/locations/us-central1/services/poolwright-status-page"
CLAIMS = {"iss": "https://cloud.google.com/iap", "aud": AUDIENCE, "email": "ada@example.com"}


class Keys:
    """The keys that IAP publishes, and how often somebody read them."""

    def __init__(self, *names: str) -> None:
        self.private = {name: ec.generate_private_key(ec.SECP256R1()) for name in names}
        self.reads = 0

    def published(self) -> dict[str, str]:
        self.reads += 1
        form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return {name: key.public_key().public_bytes(*form).decode() for name, key in self.private.items()}

    def token(self, name: str = "first", **claims: Any) -> str:
        pem = self.private[name].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        now = int(time.time())
        body = {**CLAIMS, "iat": now - 10, "exp": now + 600, **claims}
        return str(jwt.encode(ES256Signer.from_string(pem, name), body), "ascii")


@pytest.fixture
def keys() -> Keys:
    return Keys("first")


@pytest.fixture
def proxy(keys: Keys) -> IdentityAwareProxy:
    return IdentityAwareProxy(AUDIENCE, keys=keys.published)


def test_a_good_token_names_who_is_signed_in(keys: Keys, proxy: IdentityAwareProxy) -> None:
    assert proxy.who({HEADER: keys.token()}) == "ada@example.com"
    assert proxy.who({HEADER: keys.token(email="accounts.google.com:bob@example.com")}) == "bob@example.com"


def test_its_keys_are_read_once_for_many(keys: Keys, proxy: IdentityAwareProxy) -> None:
    for _ in range(3):
        proxy.who({HEADER: keys.token()})
    assert keys.reads == 1


WRONG: dict[str, dict[str, Any]] = {
    "for another service": {"aud": AUDIENCE + "-other"},
    "of somebody else": {"iss": "https://accounts.google.com"},
    "no longer good": {"iat": 1_000_000_000, "exp": 1_000_000_600},
    "not good yet": {"iat": 4_000_000_000, "exp": 4_000_000_600},
    "of nobody": {"email": ""},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG.keys())
def test_a_token_that_says_something_else_is_refused(keys: Keys, proxy: IdentityAwareProxy, claims: Any) -> None:
    with pytest.raises(Refused):
        proxy.who({HEADER: keys.token(**claims)})


def test_a_token_signed_by_somebody_else_is_refused(proxy: IdentityAwareProxy) -> None:
    with pytest.raises(Refused):
        proxy.who({HEADER: Keys("first").token()})
    with pytest.raises(Refused):
        proxy.who({HEADER: Keys("second").token("second")})


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.", "\u202e"])
def test_what_is_no_token_is_refused(proxy: IdentityAwareProxy, token: str) -> None:
    with pytest.raises(Refused):
        proxy.who({HEADER: token, "x-goog-authenticated-user-email": "accounts.google.com:eve@example.com"})


def test_another_algorithm_is_refused_whatever_key_it_names() -> None:
    private = rsa.generate_private_key(65537, 2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    now = int(time.time())
    token = jwt.encode(RSASigner.from_string(pem, "first"), {**CLAIMS, "iat": now, "exp": now + 600}).decode()
    with pytest.raises(Refused):
        IdentityAwareProxy(AUDIENCE, keys=lambda: {"first": public}).who({HEADER: token})
