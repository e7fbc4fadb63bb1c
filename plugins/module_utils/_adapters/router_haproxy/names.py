# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that the configuration, the master socket and the files have in common."""

from __future__ import annotations

CONTROL = "hal9_control"
"""The stick table of lease, trip and pause, shared by all migrations."""

BLOCK_VARIABLE = "proc.hal9_block"
"""The digest of the block that a worker runs, as a variable of its process."""

NEW_IDS_FROM = 1001
"""Server ids of new start here; ids of legacy start at 1."""

ATTEMPTS, GUARD_FAILURES, SLOW = 0, 1, 2
"""Counters with a rate over the guard's window."""

RATES = 3
ERRORS, MASKED, MASKED_ERRORS, MOVED = 3, 4, 5, 6
"""Answers 5xx; answers by legacy to users of new; 5xx of them; those moved by a trip.

Of MASKED all but MOVED are failed attempts.
"""

LEGACY_ARMS = (0, 1)
"""Keys of the counters of legacy's halves, by the lowest bit of a user's bucket."""

NEW_FROM = 2
"""The counters of new have this and the generation as their key."""

SHARED_TIME, SHARED_ATTEMPTS, SHARED_SLOW, SHARED_FROM = 0, 1, 2, 3
"""What a shared table holds in gpt: when it was told, two rates, then every counter."""

SHARED_FAILURES = 0
"""The counter of a shared table that a failure of new moves at once."""

BUCKETS_FROM = 7
"""The first of the buckets "at least LATENCY_BOUNDS_MS[i], less than the next"."""


def backend(migration: str) -> str:
    """Return the backend (and table of counters) of a migration."""
    return f"hal9_{migration}"


def health_backend(migration: str, side: str) -> str:
    """Return the backend whose only work is to check the servers of one side."""
    return f"hal9_{migration}.{side}"


def lease_key(migration: str) -> str:
    """Return the control key whose gpt0 is the end of the lease (epoch seconds)."""
    return f"{migration}/lease"


def trip_key(migration: str) -> str:
    """Return the control key whose gpc0 > 0 means tripped and gpt0 says by whom."""
    return f"{migration}/trip"


def pause_key(migration: str) -> str:
    """Return the control key whose gpt0 is the end of the latency guard's pause."""
    return f"{migration}/pause"


def generation_key(migration: str) -> str:
    """Return the control key whose gpt0 names the counters of new since a release.

    It is the peers' and not each router's own, since a guard that adds up all routers
    must ask each for the same generation, also when a single router was released.
    """
    return f"{migration}/generation"


def shared_table(migration: str, router: str) -> str:
    """Return the table in which a router tells its peers what it has counted."""
    return f"hal9_{migration}:{router}"


def asked_table(migration: str) -> str:
    """Return the worker's own table of unsafe requests that new owes an answer."""
    return f"hal9_{migration}.asked"


def tick_backend(migration: str) -> str:
    """Return the backend whose check has the counters told to the peers."""
    return f"hal9_{migration}.tick"


def tick_frontend(migration: str) -> str:
    """Return the frontend that tells the peers when the check asks for it."""
    return f"hal9_{migration}.ticks"


def generation(migration: str, age: str) -> str:
    """Return the variable with the key of new's present or last generation, as the tick
    knows it.
    """
    return f"proc.hal9_{migration}_{age}"


def doubt(migration: str) -> str:
    """Return the variable that is 0 while nothing is wrong with new, on this worker."""
    return f"proc.hal9_{migration}_doubt"
