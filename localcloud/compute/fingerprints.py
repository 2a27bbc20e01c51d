"""Fingerprints: an opaque hash of what a conditional write would overwrite."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any


def fingerprint(value: Any) -> str:
    """Eight bytes in base64, as Compute prints them."""
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()[:8]
    return base64.b64encode(digest).decode()
