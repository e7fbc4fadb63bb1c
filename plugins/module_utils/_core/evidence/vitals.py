# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the hosts and servers of new are: memory, processor, health checks failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HOST_METRICS = ("memory", "cpu")
"""Fractions; read from the node exporters that the side declares."""
CHECKS_METRIC = "failed_health_checks"
"""A number in a row; read from the router, always there."""


@dataclass(frozen=True)
class HostVitals:
    """One host at one moment: memory in use (fraction), processor time since its start.

    ``busy`` and ``total`` are seconds of all its processors together.
    """

    host: str
    memory: float
    busy: float
    total: float


@dataclass(frozen=True)
class Vitals:
    """All hosts of new, and the most health checks in a row that one server failed.

    ``missing`` says which host could not be read, and why; empty when all were.
    """

    failed_checks: int = 0
    hosts: tuple[HostVitals, ...] = ()
    missing: str = ""

    @property
    def memory(self) -> float | None:
        """The memory in use on the fullest host; None when none was read."""
        return max((host.memory for host in self.hosts), default=None)

    def cpu_since(self, earlier: Vitals) -> float | None:
        """Return how busy the busiest host was since then; None when nobody knows."""
        before = {host.host: host for host in earlier.hosts}
        loads = [
            (host.busy - before[host.host].busy)
            / (host.total - before[host.host].total)
            for host in self.hosts
            if host.host in before and host.total > before[host.host].total
        ]
        return max(loads, default=None)

    def to_dict(self) -> dict[str, Any]:
        """Return the reading as plain JSON."""
        hosts = [[h.host, h.memory, h.busy, h.total] for h in self.hosts]
        return {
            "failed_checks": self.failed_checks,
            "hosts": hosts,
            "missing": self.missing,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Vitals:
        """Return the reading that :meth:`to_dict` wrote."""
        hosts = tuple(HostVitals(*host) for host in data["hosts"])
        return cls(data["failed_checks"], hosts, data["missing"])
