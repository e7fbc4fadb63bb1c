"""Users who never retry, beside the controller:
`python -m tests.bench.users [--users N] ROUTER ...`.

With one user it prints one line for each change of side that a router's users see: the
time (of the monotonic clock), the router, the side. Every answer is looked at; a line
is written when the answer is whole.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time

from tests.bench.beside import USERS_PORT

REQUESTS_PER_SECOND = 250.0
FASTEST_SECONDS = 0.02
PATIENCE_SECONDS = 10.0


async def main(routers: list[str], users: int) -> None:
    """Ask every router until the process is ended."""
    pause = max(FASTEST_SECONDS, len(routers) / REQUESTS_PER_SECOND)
    await asyncio.gather(*(_users(address, users, pause) for address in routers))


async def _users(address: str, users: int, pause: float) -> None:
    seen = ""
    numbers = itertools.cycle(range(users))
    while True:
        try:
            reader, writer = await asyncio.open_connection(address, USERS_PORT)
        except OSError:
            await asyncio.sleep(0.2)
            continue
        while True:
            began = time.monotonic()
            side = await _ask(reader, writer, next(numbers))
            if side != seen and (users == 1 or side == "failed"):
                print(f"{time.monotonic():.6f} {address} {side}", flush=True)
                seen = side
            if side == "failed":
                break
            await asyncio.sleep(max(0.0, began + pause - time.monotonic()))
        writer.close()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: int
) -> str:
    writer.write(b"GET / HTTP/1.1\r\nHost: shop\r\nX-User: u%d\r\n\r\n" % user)
    try:
        body = await asyncio.wait_for(_answer(reader), PATIENCE_SECONDS)
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
        return "failed"
    return body.rstrip("0123456789")


async def _answer(reader: asyncio.StreamReader) -> str:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length: ")[2].split("\r")[0])
    body = (await reader.readexactly(length)).decode()
    return body if " 200 " in head.splitlines()[0] else "failed"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="tests.bench.users")
    parser.add_argument("--users", type=int, default=1)
    parser.add_argument("routers", nargs="+")
    chosen = parser.parse_args()
    asyncio.run(main(chosen.routers, chosen.users))
