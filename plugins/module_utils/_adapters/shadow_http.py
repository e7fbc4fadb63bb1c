# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the shadow comparator's counters over HTTP."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.samples import (
    ShadowCounts,
)

FIELDS = ("compared", "matched", "eligible", "mirrored")


def read_counts(address: str, migration: str, timeout: float = 1.0) -> ShadowCounts:
    """Return the cumulative counters of a comparator at ``host:port``; raise
    Unreachable without an answer.
    """
    counts = _read(address, "counts", migration, timeout)
    try:
        return ShadowCounts(*(int(counts[name]) for name in FIELDS))
    except (ValueError, KeyError, TypeError) as error:
        raise _unreachable(address, error) from error


def read_report(address: str, migration: str, timeout: float = 5.0) -> dict[str, Any]:
    """Return what a comparator says of every field; raise Unreachable without an
    answer.
    """
    report: dict[str, Any] = _read(address, "report", migration, timeout)
    return report


def _read(address: str, what: str, migration: str, timeout: float) -> Any:
    url = f"http://{address}/{what}?migration={migration}"
    try:
        with urllib.request.build_opener().open(url, timeout=timeout) as answer:
            return json.load(answer)
    except (OSError, ValueError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> Unreachable:
    return Unreachable(
        f"The shadow comparator at {address} gave no counters ({error}). "
        f"Start it on the hosts of the shadow group, then run again.",
    )
