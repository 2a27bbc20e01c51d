"""Identity tokens of push requests (https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions)."""

from __future__ import annotations

import base64
import hashlib
import time
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

ISSUER = "https://accounts.google.com"
LIFETIME = 3600


class Identity:
    """Signs tokens with a key of its own, whose public half is in `jwks()`."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        public = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.key_id = hashlib.sha256(public).hexdigest()[:40]
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        self._signer = crypt.RSASigner.from_string(pem, key_id=self.key_id)

    def token(self, oidc: dict[str, Any], *, endpoint: str) -> str:
        """The JWT for one `pushConfig.oidcToken`; valid an hour by the machine's clock, as its reader's."""
        email = oidc["serviceAccountEmail"]
        subject = str(int(hashlib.sha256(email.encode()).hexdigest(), 16) % 10**21)
        now = int(time.time())
        claims = {
            "aud": oidc.get("audience") or endpoint,
            "azp": subject,
            "email": email,
            "email_verified": True,
            "exp": now + LIFETIME,
            "iat": now,
            "iss": ISSUER,
            "sub": subject,
        }
        return str(jwt.encode(self._signer, claims).decode())

    def jwks(self) -> dict[str, Any]:
        """The public key as https://www.googleapis.com/oauth2/v3/certs serves Google's."""
        numbers = self._key.public_key().public_numbers()
        key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.key_id}
        return {"keys": [{**key, "n": _base64(numbers.n), "e": _base64(numbers.e)}]}

    def certificates(self) -> dict[str, str]:
        """The public key in PEM by its id, as https://www.googleapis.com/oauth2/v1/certs; google-auth reads it."""
        pem = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {self.key_id: pem.decode()}


def _base64(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
