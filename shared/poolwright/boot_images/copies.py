"""A template's copy that can be inserted: whole, unknown fields kept, output-only ones dropped."""

from __future__ import annotations

import copy
from typing import Any

# What https://cloud.google.com/compute/docs/reference/rest/v1/instanceTemplates marks as output only, and the
# fingerprints that only a read returns. A list stands for each of its items.
_OUTPUT_ONLY: dict[str, Any] = {
    "creationTimestamp": None,
    "id": None,
    "kind": None,
    "region": None,
    "selfLink": None,
    "selfLinkWithId": None,
    "properties": {
        "disks": {
            "architecture": None,
            "diskEncryptionKey": {"sha256": None},
            "index": None,
            "initializeParams": {
                "sourceImageEncryptionKey": {"sha256": None},
                "sourceSnapshotEncryptionKey": {"sha256": None},
            },
            "kind": None,
            "licenses": None,
            "savedState": None,
            "shieldedInstanceInitialState": None,
        },
        "metadata": {"fingerprint": None, "kind": None},
        "networkInterfaces": {
            "accessConfigs": {"kind": None},
            "fingerprint": None,
            "ipv6AccessConfigs": {"kind": None},
            "ipv6AccessType": None,
            "kind": None,
            "name": None,
        },
        "tags": {"fingerprint": None},
    },
}


def writable(template: dict[str, Any]) -> dict[str, Any]:
    """A deep copy of a template as the API returns it, without its name and what only the API may say."""
    body: dict[str, Any] = copy.deepcopy(template)
    del body["name"]
    _drop(body, _OUTPUT_ONLY)
    return body


def _drop(value: Any, fields: dict[str, Any]) -> None:
    if isinstance(value, list):
        for item in value:
            _drop(item, fields)
    elif isinstance(value, dict):
        for name, within in fields.items():
            if within is None:
                value.pop(name, None)
            else:
                _drop(value.get(name), within)
