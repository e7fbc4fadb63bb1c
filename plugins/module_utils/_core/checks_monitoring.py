# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pre-check of what gates are decided by: the routers' counters, and the metrics
endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import (
    CheckItem,
    blocker,
    info,
    warning,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_router import (
    RouterFacts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)


def monitoring_items(
    migration: Migration, facts: RouterFacts, endpoint: str, problem: str
) -> Iterator[CheckItem]:
    """Yield whether the figures can be read that gates are decided by."""
    counted = not facts.running.problem and facts.running.counters
    yield blocker(
        "monitoring.counters",
        "can be read" if counted else "cannot be read",
        f"the table hal9_{migration.name} of requests, errors and latency",
        "Run `ansible-playbook hal9.migrate.routers`: gates are decided by it.",
        ok=counted,
    )
    if not endpoint:
        yield info("monitoring.endpoint", "hal9_router.metrics_bind is not declared")
        return
    yield warning(
        "monitoring.endpoint",
        problem or f"http://{endpoint}/metrics answers",
        "the Prometheus endpoint answers with 200",
        "Apply the role router, or correct hal9_router.metrics_bind.",
        ok=not problem,
    )
