# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 as the comparator speaks it: one request, one answer, one connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core.shadow_fields import (
    Answer,
)

LARGEST_BODY = 1_048_576
LARGEST_HEAD = 65_536
_HOP_BY_HOP = {
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
_NO_BODY = (204, 304)


class Malformed(Exception):
    """What was read is no HTTP, or too large."""


@dataclass(frozen=True)
class Request:
    """The head of a request."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str:
        """Return the first header of this (lower case) name, or nothing."""
        return next((text for key, text in self.headers if key.lower() == name), "")


def parse_request(head: bytes) -> Request:
    """Return the request whose head this is."""
    line, headers = _head(head)
    words = line.split(" ")
    if len(words) != 3 or not words[1].startswith("/"):
        raise Malformed(f"no request line: {line[:80]!r}")
    return Request(words[0], words[1], headers)


async def ask(address: str, request: Request, seconds: float) -> Answer:
    """Return a server's answer; one without status when none came in time."""
    try:
        return await asyncio.wait_for(_ask(address, request), seconds)
    except asyncio.TimeoutError:
        return Answer(0, error=f"no answer within {seconds:g} s")
    except ConnectionRefusedError as error:
        return Answer(0, error=f"refused: {error}")
    except (OSError, EOFError, Malformed, ValueError) as error:
        return Answer(0, error=f"{type(error).__name__}: {error}")


async def _ask(address: str, request: Request) -> Answer:
    host, _unused, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(
        host.strip("[]"), int(port), limit=LARGEST_HEAD
    )
    try:
        writer.write(_outgoing(request))
        await writer.drain()
        line, headers = _head(await reader.readuntil(b"\r\n\r\n"))
        answer = Answer(int(line.split(" ")[1]), headers)
        if request.method == "HEAD" or answer.status in _NO_BODY:
            return answer
        return Answer(answer.status, headers, await _body(reader, answer))
    except asyncio.LimitOverrunError as error:
        raise Malformed("the head is too large") from error
    finally:
        writer.close()


def _outgoing(request: Request) -> bytes:
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    lines += [
        f"{name}: {text}"
        for name, text in request.headers
        if name.lower() not in _HOP_BY_HOP
    ]
    lines += ["Accept-Encoding: identity", "X-Hal9-Shadow: 1", "Connection: close"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _body(reader: asyncio.StreamReader, answer: Answer) -> bytes:
    """Return the body, or its first LARGEST_BODY bytes."""
    if "chunked" in answer.header("transfer-encoding").lower():
        return await _chunks(reader)
    length = answer.header("content-length")
    if length:
        return await reader.readexactly(min(int(length), LARGEST_BODY))
    return await _until_end(reader)


async def _until_end(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while len(body) < LARGEST_BODY:
        piece = await reader.read(LARGEST_BODY - len(body))
        if not piece:
            break
        body += piece
    return body


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while len(body) < LARGEST_BODY:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        if not size:
            break
        body += await reader.readexactly(min(size, LARGEST_BODY - len(body)))
        if len(body) < LARGEST_BODY:
            await reader.readexactly(2)
    return body


def _head(head: bytes) -> tuple[str, tuple[tuple[str, str], ...]]:
    line, *rest = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (each.partition(":") for each in rest)
    return line, tuple((name.strip(), text.strip()) for name, _unused, text in pairs)
