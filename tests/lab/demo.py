"""The main job, watched: a live shop moves from legacy to new while customers go on
buying.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab import promises, stack, summary
from tests.lab.aftermath import LAST_SECONDS
from tests.lab.layout import ROOT, Lab
from tests.lab.leaks import Leaks
from tests.lab.load.record import add_up
from tests.lab.parts import Server, TookTooLong, wait_until
from tests.lab.servers import LabServers

WARM_UP_SECONDS = 5.0
INTERRUPT_SECONDS = 60.0
"""So long a command may take to end in good order after Ctrl-C."""
FAULT_SHARE = 25
READS, WRITES = 290.0, 80.0

Heard = Callable[[str], None]


class LoadClient(Server):
    """The load client as a process of its own."""

    stop_seconds = 90.0

    def __init__(self, lab: Lab, seed: int) -> None:
        """Say which log it writes."""
        super().__init__(lab.records, "load")
        self._lab = lab
        self._seed = seed

    def command(self) -> list[str]:
        """Python itself."""
        ports = [str(self._lab.port(name)) for name in ("router1", "router2")]
        rates = ["--reads", str(READS), "--writes", str(WRITES)]
        log = str(self._lab.requests)
        seed = ["--seed", str(self._seed)]
        return [sys.executable, "-m", "tests.lab.load", log, *ports, *rates, *seed]

    def environment(self) -> dict[str, str]:
        """Where the package is."""
        return {**super().environment(), "PYTHONPATH": str(ROOT)}

    def ready(self) -> bool:
        """Whether requests have been written down."""
        log = self._lab.requests
        return log.exists() and log.stat().st_size > 0


@dataclass
class Clock:
    """Lines with the time since the demo began."""

    began: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Print one line."""
        print(f"[{time.monotonic() - self.began:6.1f} s] {text}", flush=True)


def run(lab: Lab, seed: int, *, with_fault: bool) -> int:
    """Move the shop and write `.lab/summary.json`; 1 when a promise did not hold."""
    clock = Clock()
    clock.say(f"bringing up the lab (seed {seed})")
    servers = stack.up(lab, seed)
    breaking = Breaking(lab, clock) if with_fault else None
    with Leaks(lab) as leaks, _customers(lab, seed, clock):
        time.sleep(WARM_UP_SECONDS)
        codes = _move(lab, clock, breaking, leaks.hear)
        if breaking:
            clock.say(f"customers go on for {LAST_SECONDS:g} s more: who answers them?")
            time.sleep(LAST_SECONDS + 1)
        else:
            _wait_for_requests(lab, clock)
    clock.say("adding up what the customers saw")
    found = _conclude(lab, servers, codes, breaking)
    found["leaks"], found["process_lists"] = leaks.found(), leaks.looks
    lab.summary.write_text(json.dumps(found, indent=2) + "\n")
    print(summary.text(found), flush=True)
    broken = promises.broken(found, with_fault=with_fault)
    for promise in broken:
        print(f"NOT KEPT: {promise}", file=sys.stderr)
    return 1 if broken else 0


@contextmanager
def _customers(lab: Lab, seed: int, clock: Clock) -> Iterator[None]:
    """Customers buy as long as this lasts."""
    client = LoadClient(lab, seed)
    client.start()
    clock.say(f"customers come: {READS:g} reads and {WRITES:g} writes each second")
    try:
        yield
    finally:
        client.stop()


def _move(
    lab: Lab, clock: Clock, breaking: Breaking | None, heard: Heard
) -> dict[str, int]:
    """Move the shop by the public command; return the exit code of each verb."""
    codes = {"pre-check": _pre_check(lab, clock, heard)}

    def hear(line: str) -> None:
        heard(line)
        if breaking:
            breaking(line)

    codes["migrate"] = hal9(lab, clock, "migrate", "--yes", heard=hear)
    clock.say(f"migrate ended with exit code {codes['migrate']}")
    if breaking:
        breaking.cancel()
    elif codes["migrate"] == 0:
        codes["validate"] = hal9(lab, clock, "validate", heard=heard)
    hal9(lab, clock, "status", heard=heard)
    return codes


def _pre_check(lab: Lab, clock: Clock, heard: Heard) -> int:
    """Go on only when nothing is red; else tell what the command said."""
    said: list[str] = []

    def hear(line: str) -> None:
        heard(line)
        said.append(line)

    arguments = ("pre-check", "--format", "table")
    code = hal9(lab, clock, *arguments, heard=hear, quiet=True)
    if code:
        print("".join(said), file=sys.stderr, flush=True)
        raise stack.LabProblem(
            f"The pre-check ended with exit code {code}: the shop is not fit to be "
            "moved. Its red lines above say what is required; nothing was moved."
        )
    return code


class Breaking:
    """Breaks the new shop once a share of at least FAULT_SHARE is held."""

    def __init__(self, lab: Lab, clock: Clock) -> None:
        """Nothing is broken yet."""
        self._lab = lab
        self._clock = clock
        self._is_due = True
        self._timer = threading.Timer(4.0, self._break)
        self._timer.daemon = True
        self.broken_at: float | None = None

    def __call__(self, line: str) -> None:
        """Listen to the command's progress."""
        if self._is_due and f"share {FAULT_SHARE}%" in line:
            self._is_due = False
            self._timer.start()

    def cancel(self) -> None:
        """Break nothing any more."""
        self._timer.cancel()

    def _break(self) -> None:
        self.broken_at = time.time()
        self._lab.faults.write_text("error\n")
        self._clock.say("FAULT: the new shop answers 500 to everything from now on")


def hal9(
    lab: Lab,
    clock: Clock,
    *arguments: str,
    heard: Heard | None = None,
    quiet: bool = False,
) -> int:
    """Run the public command as an operator would, and return its exit code."""
    clock.say(f"$ hal9-migrate {' '.join(arguments)}")
    last = ""
    with (
        subprocess.Popen(
            command(*arguments),
            cwd=ROOT,
            env={**lab.environment(), "COLUMNS": "110"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        ) as process,
        _ended_with_us(process),
    ):
        for line in process.stdout or ():
            last = line.rstrip() or last
            if not quiet:
                clock.say(f"  {line.rstrip()}")
            if heard:
                heard(line)
    if quiet:
        clock.say(f"  {last}")
    return process.returncode


@contextmanager
def _ended_with_us(process: subprocess.Popen[str]) -> Iterator[None]:
    """Hand on an interruption once, and give the command time to end in good order."""
    try:
        yield
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=INTERRUPT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        raise


def command(*arguments: str) -> list[str]:
    """Return the public command with the lab's inventory."""
    program = str(Path(sys.executable).with_name("hal9-migrate"))
    return [program, "-i", os.path.relpath(stack.INVENTORY, ROOT), *arguments]


def _wait_for_requests(lab: Lab, clock: Clock) -> None:
    """Let the customers go on until there were enough of them to mean something."""
    least = promises.REQUESTS
    clock.say(f"customers go on until there were {least:,} requests")

    def enough() -> bool:
        with lab.requests.open("rb") as log:
            return (
                sum(
                    chunk.count(b"\n") for chunk in iter(lambda: log.read(1 << 20), b"")
                )
                > least
            )

    try:
        wait_until(enough, 240, "requests")
    except TookTooLong:
        clock.say("that took too long; going on with fewer")


def _conclude(
    lab: Lab, servers: LabServers, codes: dict[str, int], breaking: Breaking | None
) -> dict[str, Any]:
    report = _json(lab, "report", "--format", "json")
    document = json.loads(Path(report).read_text())
    status = json.loads(_json(lab, "status", "--format", "json"))
    found = summary.conclude(lab.requests, servers.databases, document, status)
    authority = status["position"]["authority"]
    keys = add_up(lab.requests).acknowledged
    found |= summary.of_extras(lab, authority, keys)
    found["exit_codes"] = codes
    found["report"] = report.replace(".json", ".html")
    if breaking:
        found |= summary.of_fault(lab.requests, breaking.broken_at)
        if document["incidents"]:
            found["report"] = str(summary.incident_page(Path(report).parent))
    if not Path(found["report"]).is_file():
        found["report"] = ""
    return found


def _json(lab: Lab, *arguments: str) -> str:
    done = subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env=lab.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise stack.LabProblem(f"{' '.join(arguments)} failed: {done.stderr}")
    return done.stdout.strip()
