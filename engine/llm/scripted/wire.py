"""As much HTTP/1.1 as a model server needs: requests with a body, JSON answers, and streams in chunks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

LONGEST_HEAD = 64 << 10
LONGEST_BODY = 64 << 20
REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Request(NamedTuple):
    """One request; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def keeps_alive(self) -> bool:
        return self.headers.get("connection", "").lower() != "close"


class BadRequest(Exception):
    """What came is no request that can be served; `status` says which answer it gets."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, begun: bytes = b""
) -> Request | None:
    """The next request of a connection, None when the client has closed it. Raises `BadRequest`.

    `begun`: what was read of it already, at most one byte.
    """
    try:
        head = (begun + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError as error:
        if (begun + error.partial).strip():
            raise BadRequest(400, "the request ended in the middle") from error
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequest(400, "the request's head is too long") from error
    first, *lines = head.split("\r\n")
    words = first.split(" ")
    if len(words) != 3:
        raise BadRequest(400, f"not a request line: {first[:80]!r}")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return Request(words[0], words[1].partition("?")[0], headers, await _body(reader, headers))


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise BadRequest(411, "send the body with a Content-Length")
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > LONGEST_BODY:
        raise BadRequest(413, f"a body of {length} bytes is not served")
    try:
        return await reader.readexactly(int(length))
    except asyncio.IncompleteReadError as error:
        raise BadRequest(400, "the body ended in the middle") from error


def json_answer(status: int, content: Any, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole answer with a JSON body."""
    return text_answer(status, "application/json", json.dumps(content, ensure_ascii=False), headers)


def text_answer(status: int, kind: str, text: str, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole answer with a body of any text."""
    body = text.encode()
    return head(status, {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}) + body


def error_answer(status: int, message: str, headers: Mapping[str, str] | None = None, **more: str) -> bytes:
    """An error in the form that OpenAI-compatible servers use."""
    return json_answer(status, {"error": {"message": message, "type": "error", "code": None, **more}}, headers)


def stream_head() -> bytes:
    """The head of a stream of events."""
    return head(200, {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "Transfer-Encoding": "chunked"})


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Status line and headers."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body; an empty one ends it."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(content: Any) -> bytes:
    """One server-sent event."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return f"data: {text}\n\n".encode()
