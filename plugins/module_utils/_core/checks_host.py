# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pre-check of a host: memory, disks, load, clock and Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import (
    CheckItem,
    blocker,
    warning,
)

CLOCK_SECONDS = 0.5
"""Leases are compared between routers: their clocks may differ by so much."""

MEMORY_PART = 0.10
DISK_PART = 0.05
DISK_BYTES = 500_000_000
LOAD_PER_CPU = 1.5
PYTHON = (3, 9)


@dataclass(frozen=True)
class Disk:
    """The file system that holds ``path``."""

    path: str
    free_bytes: int
    size_bytes: int

    @property
    def free_part(self) -> float:
        """How much of it is free."""
        return self.free_bytes / self.size_bytes if self.size_bytes else 0.0


@dataclass(frozen=True)
class Clock:
    """How far a clock is ahead of the controller's, known to within ``uncertainty``
    seconds.
    """

    ahead: float
    uncertainty: float


@dataclass(frozen=True)
class HostFacts:
    """What a host shows of itself; None where it cannot be read."""

    python: tuple[int, int, int]
    cpus: int
    memory_bytes: int | None
    available_bytes: int | None
    load: float | None
    disks: tuple[Disk, ...]


def host_items(facts: HostFacts, clock: Clock | None) -> Iterator[CheckItem]:
    """Yield what the host has and what it should have."""
    yield blocker(
        "host.python",
        ".".join(map(str, facts.python)),
        "3.9 or newer",
        "Install a newer Python and name it in ansible_python_interpreter.",
        ok=facts.python[:2] >= PYTHON,
    )
    yield _memory(facts)
    yield _load(facts)
    for disk in facts.disks:
        yield _disk(disk)
    if clock is not None:
        yield clock_item(clock)


def _memory(facts: HostFacts) -> CheckItem:
    size, free = facts.memory_bytes, facts.available_bytes
    known = size is not None and free is not None and size > 0
    part = (free or 0) / size if known and size else 0.0
    return warning(
        "host.memory",
        f"{part:.0%} of {_bytes(size or 0)} available" if known else "unknown",
        f"at least {MEMORY_PART:.0%} available",
        "Free memory or add some: a router or database that swaps fails its gates.",
        ok=part >= MEMORY_PART,
    )


def _load(facts: HostFacts) -> CheckItem:
    known = facts.load is not None
    each = (facts.load or 0.0) / max(1, facts.cpus)
    return warning(
        "host.load",
        f"{facts.load:.2f} on {facts.cpus} processors" if known else "unknown",
        f"at most {LOAD_PER_CPU:g} for each processor (mean of one minute)",
        "Find what loads this host, or begin at a quieter hour.",
        ok=known and each <= LOAD_PER_CPU,
    )


def _disk(disk: Disk) -> CheckItem:
    return blocker(
        f"host.disk:{disk.path}",
        f"{_bytes(disk.free_bytes)} free of {_bytes(disk.size_bytes)}",
        f"at least {DISK_PART:.0%} and {_bytes(DISK_BYTES)} free",
        f"Free space in {disk.path}: WAL, journals and maps need it.",
        ok=disk.free_part >= DISK_PART and disk.free_bytes >= DISK_BYTES,
    )


def clock_item(clock: Clock) -> CheckItem:
    """Return whether the clock is near enough, or cannot be told from here."""
    ahead, within = abs(clock.ahead), clock.uncertainty
    observed = f"{clock.ahead:+.3f} s (known to within {within:.3f} s)"
    required = f"within {CLOCK_SECONDS:g} s of the controller's clock"
    if ahead - within > CLOCK_SECONDS:
        remedy = "Synchronise it: `timedatectl set-ntp true`, or start chrony."
        return blocker("host.clock", observed, required, remedy, ok=False)
    remedy = "The connection is too slow to tell: look at `chronyc tracking` there."
    return warning(
        "host.clock", observed, required, remedy, ok=ahead + within <= CLOCK_SECONDS
    )


def _bytes(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
