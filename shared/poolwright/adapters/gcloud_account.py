"""Who a person at a terminal claims to be: the account of the application default credentials, else gcloud's.

No call is made and nothing is proved: records name a requester so that people can ask each other.
https://cloud.google.com/docs/authentication/application-default-credentials#order
https://cloud.google.com/sdk/docs/configurations
"""

from __future__ import annotations

import configparser
import getpass
import json
from collections.abc import Mapping
from pathlib import Path


def claimed(variables: Mapping[str, str], home: Path) -> str:
    """An email where one is known, else the name of the machine's user; empty where not even that is."""
    gcloud = Path(variables.get("CLOUDSDK_CONFIG") or home / ".config" / "gcloud")
    named = variables.get("GOOGLE_APPLICATION_CREDENTIALS")
    credentials = Path(named) if named else gcloud / "application_default_credentials.json"
    return _of_credentials(credentials) or variables.get("CLOUDSDK_CORE_ACCOUNT") or _of_gcloud(gcloud) or _user()


def _of_credentials(path: Path) -> str:
    """A service account's key names it; a person's credentials do where gcloud wrote the account down."""
    try:
        body = json.loads(path.read_text("utf-8"))
        return str(body.get("client_email") or body.get("account") or "")
    except (OSError, ValueError, AttributeError):
        return ""


def _of_gcloud(folder: Path) -> str:
    """The account of gcloud's active configuration."""
    try:
        active = (folder / "active_config").read_text("utf-8").strip() or "default"
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(folder / "configurations" / f"config_{active}", "utf-8")
        return parser.get("core", "account", fallback="")
    except (OSError, ValueError, configparser.Error):
        return ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
