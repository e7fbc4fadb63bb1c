# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb `keep`: what a guard has tripped outlives a restart of every router.

The guard trips in the request path, where nothing can be written. Peers carry a trip
over the restart of one router, not over a power cut that takes them all.
"""

from __future__ import annotations

import sys
import time

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)


def run(directory: str, every: float) -> int:
    """Look once, or for ever with pauses; return the exit code of a single look."""
    said = _look(directory, frozenset())
    while every:
        time.sleep(every)
        said = _look(directory, said)
    return 1 if said else 0


def _look(directory: str, said: frozenset[str]) -> frozenset[str]:
    """Keep every trip, and return what went wrong, said only when it is news.

    HAProxy may be down or about to start; the next look finds it.
    """
    wrong = frozenset(_wrongs(directory))
    for text in sorted(wrong - said):
        sys.stderr.write(f"hal9-break-glass: {text}\n")
    return wrong


def _wrongs(directory: str) -> list[str]:
    """Keep every trip; one migration that cannot be kept stands in no other's way."""
    try:
        router = HaproxyRouter.open(directory)
    except MigrateError as error:
        return [str(error)]
    names = [n for n in router.site.migrations if n not in router.site.finalised]
    return [wrong for wrong in (_keep(router, name) for name in names) if wrong]


def _keep(router: HaproxyRouter, migration: str) -> str:
    """Keep a migration's trip, and say so; return what went wrong."""
    try:
        cause = router.keep_trip(migration)
    except (MigrateError, OSError) as error:
        return str(error)
    if cause is not None:
        sys.stdout.write(
            f"{migration} on {router.site.name}: tripped by the {cause}, on disk now\n"
        )
        sys.stdout.flush()
    return ""
