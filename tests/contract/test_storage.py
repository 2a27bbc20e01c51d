"""Cloud Storage as gcloud uploads to it, and a build's source is read from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from aiohttp import web

from localcloud.storage import HOST, Storage
from tests.contract.conftest import Served

ARCHIVE = b"\x1f\x8b\r\n\x00--none\r\nof it is text\n\r"


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[str]:
    """The address of the host, which has one bucket."""

    async def logs(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=404, text="no log")

    served = Served(tmp_path)
    served.call(served.listeners.serve_http, HOST, Storage(served.world, logs).serve)
    served.serve()
    address = served.endpoints[HOST]
    assert requests.post(f"{address}/storage/v1/b", json={"name": "builds"}, timeout=5).json()["name"] == "builds"
    yield address
    served.close()


def upload(storage: str, name: str, media: bytes, *, bucket: str = "builds") -> requests.Response:
    """As gcloud does: one request with metadata and media, its boundary in single quotes."""
    body = b"".join([
        b"--==b==\nContent-Type: application/json\n\n", json.dumps({"name": name}).encode(),
        b"\n--==b==\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: binary\n\n", media,
        b"\n--==b==--",
    ])  # fmt: skip
    headers = {"Content-Type": "multipart/related; boundary='==b=='"}
    url = f"{storage}/upload/storage/v1/b/{bucket}/o?uploadType=multipart"
    return requests.post(url, data=body, headers=headers, timeout=5)


def names(storage: str, prefix: str = "") -> list[str]:
    found: dict[str, Any] = requests.get(f"{storage}/storage/v1/b/builds/o", {"prefix": prefix}, timeout=5).json()
    return [each["name"] for each in found.get("items", [])]


def test_what_is_uploaded_is_there_byte_for_byte(storage: str) -> None:
    assert upload(storage, "packer/files.tar.gz", ARCHIVE).json()["size"] == str(len(ARCHIVE))
    address = f"{storage}/storage/v1/b/builds/o/packer%2Ffiles.tar.gz"
    assert requests.get(address, {"alt": "media"}, timeout=5).content == ARCHIVE
    assert requests.get(address, timeout=5).json()["name"] == "packer/files.tar.gz"


def test_objects_are_listed_by_prefix(storage: str) -> None:
    assert names(storage) == []
    upload(storage, "packer.tar.gz", ARCHIVE)
    upload(storage, "other", b"")
    assert (names(storage), names(storage, "pack")) == (["other", "packer.tar.gz"], ["packer.tar.gz"])


def test_what_is_not_there_is_refused(storage: str) -> None:
    assert upload(storage, "a", ARCHIVE, bucket="nobodys").json()["error"]["message"].startswith("The specified bucket")
    assert requests.get(f"{storage}/storage/v1/b/nobodys", timeout=5).status_code == 404
    assert requests.get(f"{storage}/storage/v1/b/builds/o/none", timeout=5).status_code == 404
    assert requests.post(f"{storage}/storage/v1/b", json={"name": "builds"}, timeout=5).status_code == 409
    assert requests.get(f"{storage}/builds/log-none.txt", timeout=5).text == "no log"
