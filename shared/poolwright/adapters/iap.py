"""Who stands behind a request that came through Identity-Aware Proxy
(https://cloud.google.com/iap/docs/signed-headers-howto).

Its signed token alone is believed: the headers with a name in clear text can be made up by whoever gets around it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping

import requests
from google.auth import jwt
from google.auth.exceptions import GoogleAuthError, InvalidValue, MalformedError

from poolwright.services.ports import Weather
from poolwright.verdicts import Refused

HEADER = "x-goog-iap-jwt-assertion"
ISSUER = "https://cloud.google.com/iap"
KEYS = "https://www.gstatic.com/iap/verify/public_key"
KEPT_SECONDS = 3600.0  # Google changes them rarely, and a new one has a new name
_AGAIN_SECONDS = 60.0  # between two looks for a name that is not among them
_SKEW_SECONDS = 30
_TIMEOUT = 10.0
_REMEDY = "Open the page by its address behind Identity-Aware Proxy, and sign in there"

Keys = Mapping[str, str]


def published() -> Keys:
    """IAP's public keys (PEM) by their ids. Weather."""
    try:
        answer = requests.get(KEYS, timeout=_TIMEOUT)
        answer.raise_for_status()
        found: dict[str, str] = json.loads(answer.text)
    except (requests.RequestException, ValueError) as error:
        raise Weather(f"the keys of Identity-Aware Proxy cannot be read: {error}") from error
    return found


class IdentityAwareProxy:
    """The `SignIn` port. `audience`: whom tokens must be for; of a Cloud Run service
    `/projects/NUMBER/locations/REGION/services/NAME`."""

    def __init__(self, audience: str, *, keys: Callable[[], Keys] = published) -> None:
        self._audience = audience
        self._read_keys = keys
        self._keys: Keys = {}
        self._read_at = -KEPT_SECONDS

    def who(self, headers: Mapping[str, str]) -> str:
        """Weather where the keys cannot be read."""
        token = headers.get(HEADER, "")
        if not token:
            raise Refused(HEADER, "The request did not come through Identity-Aware Proxy", _REMEDY)
        try:
            header = jwt.decode_header(token)
            if header.get("alg") != "ES256":
                raise InvalidValue("it is not signed by ES256")
            claims = jwt.decode(
                token, certs=self._known(str(header.get("kid"))), audience=self._audience,
                clock_skew_in_seconds=_SKEW_SECONDS,
            )  # fmt: skip
        except (GoogleAuthError, MalformedError, ValueError) as error:
            raise Refused(
                HEADER, f"Identity-Aware Proxy's token is no good: {type(error).__name__}", _REMEDY
            ) from error
        email = str(claims.get("email") or "")
        if claims.get("iss") != ISSUER or not email:
            raise Refused(HEADER, "The token is not of Identity-Aware Proxy, or of nobody", _REMEDY)
        return email.removeprefix("accounts.google.com:")

    def _known(self, name: str) -> Keys:
        """The keys; read anew where they are old, or where none has this name."""
        age = time.monotonic() - self._read_at
        if age >= KEPT_SECONDS or (name not in self._keys and age >= _AGAIN_SECONDS):
            self._keys, self._read_at = self._read_keys(), time.monotonic()
        return self._keys
