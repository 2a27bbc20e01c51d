"""What an error is to a person: one sentence, and what to do next. Nobody is shown a traceback."""

from __future__ import annotations

import sys

from poolwright.logs import redact
from poolwright.verdicts import Busy, Irrelevant, Refused

_MISSING = (
    "Compare the project in POOLWRIGHT_PROJECT and in the environment's file, and see that poolwright is deployed"
)


def explain(error: Exception) -> str:
    """The sentences for an error that ended a command; secrets are not repeated."""
    return redact(_known(error) or _of_google(error) or _bug(error))


def is_nobody(error: Exception) -> bool:
    """Whether what is missing is a login."""
    if "google.auth" not in sys.modules:
        return False
    from poolwright.adapters.google_errors import as_refusal

    refusal = as_refusal(error)
    return refusal is not None and refusal.where == "credentials"


def _known(error: Exception) -> str:
    from poolwright.services.ports import InUse, Missing, Rejected
    from poolwright.settings import BadSetting

    if isinstance(error, Refused):
        return _sentences(error.problem, error.remedy)
    if isinstance(error, Irrelevant):
        return _sentences(error.reason)
    if isinstance(error, Busy):  # Weather too
        return _sentences(f"not now: {error.reason}", "Try it again in a minute; asking twice does no harm")
    if isinstance(error, Missing):
        return _sentences(f"Google knows no such thing: {error}", _MISSING)
    if isinstance(error, Rejected | InUse):
        return _sentences(f"Google refused the request: {error}")
    if isinstance(error, BadSetting) or type(error).__name__ == "BadEnvironment":
        return _sentences(str(error))
    return ""


def _of_google(error: Exception) -> str:
    """Only where a Google library was imported at all can the error be one of its own."""
    if "google.auth" not in sys.modules:
        return ""
    from poolwright.adapters.google_errors import as_refusal

    refusal = as_refusal(error)
    return _sentences(refusal.problem, refusal.remedy) if refusal else ""


def _bug(error: Exception) -> str:
    return _sentences(
        f"this should not have happened: {type(error).__name__}: {error}",
        "Please open an issue with the command, and with what POOLWRIGHT_LOG_LEVEL=DEBUG shows of it",
    )


def _sentences(*texts: str) -> str:
    return " ".join(text if text.endswith((".", "?", "!")) else f"{text}." for text in texts if text)
