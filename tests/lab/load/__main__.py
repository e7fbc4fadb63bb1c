"""Load on both routers until SIGTERM: `python -m tests.lab.load LOG ROUTER ROUTER
--reads N --writes N`; a router is a port here, or address:port.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import random
import signal
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TextIO

from tests.lab.load.record import WRONG_ORDER
from tests.lab.load.shoppers import READ_BACK_EVERY, Wish, read_back, reads, writes
from tests.lab.load.wire import Answer, Router

TIMEOUT_SECONDS = 60.0
LIMIT_SECONDS = 3600.0
SOONEST, LATEST = 0.05, 2.0
"""Seconds between an acknowledgement and the customer's look at the order."""


class Load:
    """Starts requests by the clock, whatever becomes of the ones before."""

    def __init__(self, log: TextIO, routers: list[Router]) -> None:
        """Write to this log."""
        self._log = log
        self._routers = routers
        self._flying: set[asyncio.Task[None]] = set()
        self._count = 0
        self._acknowledged = 0
        self._chance = random.Random(0)
        self.stopping = asyncio.Event()

    async def start(self, wishes: Iterator[Wish], each_second: float) -> None:
        """Start requests at even distances until told to stop."""
        began = time.monotonic()
        for number in range(int(LIMIT_SECONDS * each_second)):
            wait = began + number / each_second - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            if self.stopping.is_set():
                return
            self._launch(self._make(next(wishes)))

    def _launch(self, making: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(making)
        self._flying.add(task)
        task.add_done_callback(self._flying.discard)

    async def finish(self) -> None:
        """Wait for what is under way."""
        if self._flying:
            await asyncio.wait(self._flying, timeout=TIMEOUT_SECONDS)
        for router in self._routers:
            router.close()

    async def _make(self, wish: Wish) -> None:
        number = self._count % len(self._routers)
        self._count += 1
        began = time.time()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                router = self._routers[number]
                answer = await router.ask(wish.encode(), fresh=wish.fresh)
            outcome, served_by = _outcome(wish, answer), answer.served_by
            self._look_later(wish, answer)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            outcome, served_by = type(error).__name__, ""
        took = (time.time() - began) * 1000
        self._log.write(
            f"{began:.4f},{took:.2f},router{number + 1},{wish.method},{wish.user},"
            f"{outcome},{served_by},{wish.key}\n"
        )

    def _look_later(self, wish: Wish, answer: Answer) -> None:
        """Let some customers look at the order that was just acknowledged."""
        if answer.status != 201 or self.stopping.is_set():
            return
        self._acknowledged += 1
        if self._acknowledged % READ_BACK_EVERY:
            return
        look = read_back(wish, answer.body)
        if look is not None:
            self._launch(self._make_later(look))

    async def _make_later(self, wish: Wish) -> None:
        await asyncio.sleep(self._chance.uniform(SOONEST, LATEST))
        await self._make(wish)


def _outcome(wish: Wish, answer: Answer) -> str:
    """The status, or that the answer is about another order than the one read back."""
    if wish.method == "GET" and answer.status == 200 and wish.key:
        return "200" if wish.key.encode() in answer.body else WRONG_ORDER
    return str(answer.status)


async def work(arguments: argparse.Namespace, log: TextIO) -> None:
    """Run until SIGTERM."""
    load = Load(log, arguments.routers)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, load.stopping.set)
    async with asyncio.TaskGroup() as group:
        group.create_task(load.start(reads(arguments.seed), arguments.reads))
        group.create_task(load.start(writes(arguments.seed), arguments.writes))
        group.create_task(flush(log, load.stopping))
    await load.finish()


async def flush(log: TextIO, stopping: asyncio.Event) -> None:
    """Let what was written be seen each second."""
    while not stopping.is_set():
        await asyncio.sleep(1)
        log.flush()


def go_first() -> None:
    """Run before everything else where that is allowed: customers do not wait for a
    busy machine before they ask, and a late clock would be measured as a pause.
    """
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def main() -> None:
    """Read the arguments and work."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.load")
    parser.add_argument("log")
    parser.add_argument("routers", type=Router.at, nargs="+")
    parser.add_argument("--reads", type=float, default=290)
    parser.add_argument("--writes", type=float, default=80)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    gc.freeze()
    go_first()
    with Path(arguments.log).open("w", buffering=1 << 16) as log:
        asyncio.run(work(arguments, log))


if __name__ == "__main__":
    main()
