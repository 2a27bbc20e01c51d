"""Made-up credentials for the stand-in, and the token endpoint that honours them. They open nothing anywhere else."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

LIFETIME_SECONDS = 3600
ANYWHERE = "0x0"  # no regional boundary, as iamcredentials encodes it
EMAIL_SCOPE = "https://www.googleapis.com/auth/userinfo.email"


def service_account_file(folder: Path, *, project: str, email: str, token_uri: str) -> Path:
    """A service-account key file in Google's format, for GOOGLE_APPLICATION_CREDENTIALS."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"{email.partition('@')[0]}.json"
    path.touch(mode=0o600)
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": project,
                "private_key_id": secrets.token_hex(20),
                "private_key": pem.decode(),
                "client_email": email,
                "client_id": "100000000000000000000",
                "token_uri": token_uri,
                "universe_domain": "googleapis.com",
            },
            indent=2,
        ),
        "utf-8",
    )
    return path


def token_file(folder: Path, token: str) -> Path:
    """An access token in a file, for gcloud (CLOUDSDK_AUTH_ACCESS_TOKEN_FILE)."""
    path = folder / "access-token"
    path.touch(mode=0o600)
    path.write_text(token, "utf-8")
    return path


class Tokens:
    """`oauth2.googleapis.com`: any grant gets a token, whoever asks; and the keys of our OIDC tokens.

    `iamcredentials.googleapis.com`: accounts may be used anywhere; Google's auth libraries ask before every first call.
    Whose a token is, control planes ask by `review`: `person` may do everything in every cluster, as IAM lets the owner
    of a project; of others a cluster's RBAC says what they may.
    """

    def __init__(self, jwks: dict[str, Any], *, person: str) -> None:
        self._jwks = jwks
        self._person = person
        self._emails: dict[str, str] = {}

    def mint(self, email: str = "") -> str:
        """A new access token of an identity, the person's where none is named."""
        token = f"ya29.local-{int(time.time())}-{secrets.token_urlsafe(16)}"
        self._emails[token] = email or self._person
        return token

    def whose(self, token: str) -> str:
        """The identity that a token was made for, empty for one that is not ours."""
        return self._emails.get(token, "")

    async def review(self, request: web.BaseRequest) -> web.StreamResponse:
        """A TokenReview of authentication.k8s.io/v1: on GKE a Google identity is the User that is its email, or its
        unique id where the token's scopes do not tell the email
        (https://cloud.google.com/kubernetes-engine/docs/how-to/role-based-access-control)."""
        asked = await request.json()
        email = self._emails.get(asked["spec"].get("token", ""))
        status: dict[str, Any] = {"authenticated": email is not None}
        if email is not None:
            groups = ["system:masters"] if email == self._person else []
            status["user"] = {"username": email, "groups": groups}
        return web.json_response({"apiVersion": asked["apiVersion"], "kind": "TokenReview", "status": status})

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """POST /token (https://developers.google.com/identity/protocols/oauth2/service-account), GET .../certs."""
        if request.path.endswith("/certs"):
            return web.json_response(self._jwks)
        if request.path.endswith("/allowedLocations"):
            return web.json_response({"locations": [], "encodedLocations": ANYWHERE})
        if request.path.endswith("/tokeninfo"):
            return web.json_response(
                {"expires_in": str(LIFETIME_SECONDS), "scope": "https://www.googleapis.com/auth/cloud-platform"}
            )
        if request.method != "POST":
            return web.json_response({"error": "invalid_request"}, status=404)
        token = self.mint(_user(await request.post()))
        answer = {"access_token": token, "expires_in": LIFETIME_SECONDS, "token_type": "Bearer"}
        return web.json_response(answer)


def unique_id(email: str) -> str:
    """The number that a service account has beside its email."""
    return f"1{int(hashlib.sha256(email.encode()).hexdigest(), 16) % 10**20:020}"


def _user(form: Mapping[str, Any]) -> str:
    """The service account that signed an assertion (RFC 7523), unproved; nothing where it is another grant."""
    payload = str(form.get("assertion", "")).partition(".")[2].partition(".")[0]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        email = str(claims.get("iss", ""))
        return email if not email or EMAIL_SCOPE in str(claims.get("scope", "")).split() else unique_id(email)
    except (ValueError, AttributeError):
        return ""
