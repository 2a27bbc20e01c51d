"""A push to a function, or a command line, in this process."""

from __future__ import annotations

import base64
import contextlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from flask import Flask

ROOT = Path(__file__).resolve().parents[2]
Json = dict[str, Any]
Apps = dict[str, "Flask"]


def load() -> Apps:
    """The functions as their framework serves them."""
    from functions_framework import create_app

    from localcloud.deployment import FUNCTIONS

    return {name: create_app(name, str(ROOT / "functions" / "main.py")) for name in FUNCTIONS}


def push(apps: Apps, function: str, body: Json) -> int:
    """The status of the answer. A command line that ended well is acknowledged, and one that failed is not: its person
    tries again."""
    if function in apps:
        return int(apps[function].test_client().post("/", json=body).status_code)
    from poolwright import bootstrap
    from poolwright.cli import session
    from poolwright.cli.app import run

    said = io.StringIO()
    with (
        mock.patch.object(session, "ports", bootstrap.ports),  # this process's, not new ones
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(said),
    ):
        status = run(json.loads(base64.b64decode(body["message"]["data"]))["arguments"])
    print(said.getvalue())
    return 503 if status else 204
