# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads memory and processor time of a host from its Prometheus node exporter."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterable, Sequence

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.vitals import (
    HostVitals,
    Vitals,
)

MOST_BYTES = 4_000_000
"""A page longer than this is not a node exporter's."""
_CPU = re.compile(r'^node_cpu_seconds_total\{.*mode="(\w+)".*\} (\S+)$')
_MEMORY = re.compile(r"^node_memory_(MemAvailable|MemTotal)_bytes (\S+)$")
_IDLE = ("idle", "iowait")


def read_vitals(addresses: Sequence[str], failed_checks: int) -> Vitals:
    """Return what every exporter at ``host:port`` says; one that is silent is named."""
    answers = [_answer(address) for address in addresses]
    hosts = tuple(each for each in answers if isinstance(each, HostVitals))
    silent = [str(each) for each in answers if isinstance(each, Unreachable)]
    return Vitals(failed_checks, hosts, "; ".join(silent))


def _answer(address: str) -> HostVitals | Unreachable:
    try:
        return read_host(address)
    except Unreachable as error:
        return error


def read_host(address: str, timeout: float = 1.0) -> HostVitals:
    """Return one host's figures; raise Unreachable without a complete answer."""
    url = f"http://{address}/metrics"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(url, timeout=timeout) as answer:
            text = answer.read(MOST_BYTES).decode("utf-8", "replace")
        return parse(address, text.splitlines())
    except (OSError, ValueError) as error:
        raise Unreachable(
            f"the node exporter at {address} gave no figures ({error})"
        ) from error


def parse(address: str, lines: Iterable[str]) -> HostVitals:
    """Return the figures on a page of metrics; raise ValueError when some are not."""
    busy = total = 0.0
    memory: dict[str, float] = {}
    for line in lines:
        cpu, known = _CPU.match(line), _MEMORY.match(line)
        if cpu:
            total += float(cpu[2])
            busy += 0.0 if cpu[1] in _IDLE else float(cpu[2])
        elif known:
            memory[known[1]] = float(known[2])
    if not total or not memory.get("MemTotal") or "MemAvailable" not in memory:
        raise ValueError(
            "no node_cpu_seconds_total or node_memory_ figures on its page"
        )
    return HostVitals(
        address, 1 - memory["MemAvailable"] / memory["MemTotal"], busy, total
    )
