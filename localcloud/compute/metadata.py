"""Metadata: its size limits and the fingerprint that guards it."""

from __future__ import annotations

from typing import Any

from localcloud.compute.fingerprints import fingerprint
from localcloud.compute.refusals import invalid
from localcloud.errors import GoogleError

LARGEST_VALUE = 256 * 1024
LARGEST_WHOLE = 512 * 1024


def checked_metadata(metadata: dict[str, Any], *, field: str) -> dict[str, Any]:
    """Metadata as stored; errors: 413 for a value or a whole that is too large, 400 for a key that comes twice."""
    items = metadata.get("items", [])
    whole = 0
    keys: set[str] = set()
    for index, item in enumerate(items):
        key = item.get("key", "")
        size = len(item.get("value", ""))
        whole += size + len(key)
        if key in keys:
            raise invalid(f"{field}.items[{index}].key", key, f"Metadata has duplicate keys: {key}")
        keys.add(key)
        if size > LARGEST_VALUE:
            raise _too_large(f"{field}.items[{index}].value", LARGEST_VALUE, size)
    if whole > LARGEST_WHOLE:
        raise _too_large(field, LARGEST_WHOLE, whole)
    kept = {"kind": "compute#metadata", "fingerprint": fingerprint(items)}
    return kept | ({"items": items} if items else {})


def _too_large(field: str, most: int, size: int) -> GoogleError:
    text = f"Value for field '{field}' is too large: maximum size {most} character(s); actual size {size}."
    return GoogleError("INVALID_ARGUMENT", text, code=413, reason="fieldSizeTooLarge")


def value_of(resource: dict[str, Any], key: str) -> str | None:
    """One metadata value of an instance or of template properties."""
    for item in resource.get("metadata", {}).get("items", []):
        if item.get("key") == key:
            return str(item.get("value", ""))
    return None
