"""A client that starts requests at a constant pace, whatever the answers do."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
import time
from collections import deque

LOOPBACK = "127.0.0.1"
USERS = 1000


def latencies(port: int, per_second: int, seconds: int) -> list[float]:
    """Return the latencies (ms) of requests started at this pace, by a client of its
    own, each counted from when it was due.
    """
    command = [sys.executable, "-m", __name__]
    said = subprocess.run(
        [*command, str(port), str(per_second), str(seconds)],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + 30,
    )
    return [float(line) for line in said.stdout.split()]


def percentile(values: list[float], part: float) -> float:
    """Return the smallest value that so large a part of them does not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * part) - 1)]


async def _main(port: int, per_second: int, seconds: int) -> list[float]:
    idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()
    taken: list[float] = []

    async def ask(number: int, due: float) -> None:
        """Ask once; a failure is not tried again, it ends the client."""
        if idle:
            reader, writer = idle.pop()
        else:
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
        user = b"X-User: user%d" % (number % USERS)
        writer.write(b"GET / HTTP/1.1\r\nHost: shop\r\n" + user + b"\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].split(b"\r")[0])
        await reader.readexactly(length)
        if b" 200 " not in head.splitlines()[0]:
            raise AssertionError(head)
        taken.append((time.perf_counter() - due) * 1000)
        idle.append((reader, writer))

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(per_second * seconds):
            due = began + number / per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(ask(number, due))
    return taken


if __name__ == "__main__":
    for value in asyncio.run(_main(*(int(text) for text in sys.argv[1:]))):
        print(f"{value:.4f}")
