"""Many calls in one: POST /batch/..., multipart/mixed (https://cloud.google.com/compute/docs/api/how-tos/batch)."""

from __future__ import annotations

import email.parser
import email.policy
import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from localcloud.errors import bad_request

if TYPE_CHECKING:
    from localcloud.dispatch import Api


async def answer_batch(api: Api, request: web.BaseRequest, body: bytes) -> web.Response:
    """Each part is an HTTP request and gets its HTTP response, in order, with `response-<Content-ID>`."""
    kind = request.headers.get("Content-Type", "")
    parsed = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body
    )
    if not parsed.is_multipart():
        return web.json_response(bad_request([("", "The batch request is not multipart/mixed.")]).json(), status=400)
    boundary = "batch_localcloud"
    chunks = []
    for part in parsed.iter_parts():
        status, text = await _answer_part(api, bytes(part.get_payload(decode=True) or b""))
        identity = str(part.get("Content-ID", "<>")).strip("<>")
        chunks.append(
            f"--{boundary}\r\nContent-Type: application/http\r\nContent-ID: <response-{identity}>\r\n\r\n"
            f"HTTP/1.1 {status} \r\nContent-Type: application/json; charset=UTF-8\r\n"
            f"Content-Length: {len(text.encode())}\r\n\r\n{text}\r\n"
        )
    payload = "".join(chunks) + f"--{boundary}--\r\n"
    return web.Response(body=payload.encode(), headers={"Content-Type": f"multipart/mixed; boundary={boundary}"})


async def _answer_part(api: Api, inner: bytes) -> tuple[int, str]:
    head, _, body = inner.replace(b"\r\n", b"\n").partition(b"\n\n")
    request_line, *lines = head.decode().split("\n")
    verb, target, *_ = request_line.split(" ")
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    url = urlsplit(target)
    status, answer = await api.rest(verb, url.path, parse_qsl(url.query), body, headers)
    return status, answer if isinstance(answer, str) else json.dumps(answer) if answer is not None else ""
