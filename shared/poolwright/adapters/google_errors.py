"""What Google's errors mean to a service, whichever library brings them (https://cloud.google.com/apis/design/errors)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.api_core.retry import Retry
from google.auth.exceptions import GoogleAuthError, TransportError

from poolwright import metrics
from poolwright.services.ports import Missing, Rejected, Stale, Weather
from poolwright.verdicts import Refused

TIMEOUT = 10.0  # seconds for one call

_TRY_LATER = frozenset({408, 429, 500, 502, 503, 504})
_RATE_LIMITS = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"})
_LINE_IS_BAD = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError, TransportError)


@contextmanager
def translated() -> Iterator[None]:
    """Missing, Stale and Weather for the errors that mean it; others pass."""
    try:
        yield
    except GoogleAPICallError as error:
        if error.code == 404:
            raise Missing(str(error)) from error
        if error.code == 412:
            metrics.error("google", "stale")
            raise Stale(str(error)) from error
        if is_weather(error):
            metrics.error("google", "weather")
            raise Weather(str(error)) from error
        metrics.error("google", "refused")
        raise
    except (RetryError, *_LINE_IS_BAD, GoogleAuthError) as error:
        if is_weather(error):
            metrics.error("google", "weather")
            raise Weather(f"{type(error).__name__}: {error}") from error
        metrics.error("google", "refused")
        raise


@contextmanager
def rejections() -> Iterator[None]:
    """Rejected where Google will not have a write: 400, 403, 409 and the like that no repeat mends."""
    try:
        yield
    except GoogleAPICallError as error:
        if not 400 <= (error.code or 0) < 500 or error.code in (404, 412) or is_weather(error):
            raise
        message, status = _own_words(error)
        raise Rejected(message, status=status) from error


def is_weather(error: BaseException) -> bool:
    """Whether the same request may work a little later."""
    if isinstance(error, GoogleAPICallError):
        return error.code in _TRY_LATER or (error.code == 403 and not _RATE_LIMITS.isdisjoint(_reasons(error)))
    if isinstance(error, GoogleAuthError):
        return isinstance(error, TransportError) or bool(error.retryable)
    return isinstance(error, (RetryError, *_LINE_IS_BAD))


def as_refusal(error: BaseException) -> Refused | None:
    """What an error of Google's that nobody translated means to a person; None for an error of anybody else's."""
    if isinstance(error, GoogleAuthError):
        return Refused("credentials", f"Google's libraries find nobody to speak as: {error}", _LOG_IN)
    if not isinstance(error, GoogleAPICallError):
        return None
    if error.code == 401:
        return Refused("credentials", f"Google does not know who asks: {error.message}", _LOG_IN)
    if error.code == 403:
        remedy = "Ask whoever owns the project for a role with that permission"
        return Refused("permission", f"Google does not allow it: {error.message}", remedy)
    return Refused("request", f"Google refused the request ({error.code}): {error.message}", "It was not repeated")


_LOG_IN = "Log in with `poolwright auth`, or name a key file in GOOGLE_APPLICATION_CREDENTIALS"


def _own_words(error: GoogleAPICallError) -> tuple[str, str]:
    """Message and canonical code. Over REST the library prefixes the one with the URL, and knows the other by its
    number only; the answer has both."""
    if error.grpc_status_code is not None:
        return error.message, str(error.grpc_status_code.name)
    try:
        answer = error.response.json()["error"]
        return str(answer["message"]), str(answer["status"])
    except (AttributeError, LookupError, TypeError, ValueError):
        return error.message, "UNKNOWN"


def _reasons(error: GoogleAPICallError) -> set[str]:
    """Of both shapes: `error.errors[].reason` and the ErrorInfo among `error.details`."""
    listed = {str(item.get("reason")) for item in error.errors if isinstance(item, dict)}
    return listed | {str(error.reason)}


# For reads only: a write is tried once, and its message comes again.
READ_RETRY = Retry(predicate=is_weather, initial=0.2, maximum=2.0, multiplier=2.0, timeout=6.0)
