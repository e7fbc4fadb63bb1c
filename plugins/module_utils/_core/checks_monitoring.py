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
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.vitals import (
    HOST_METRICS,
    Vitals,
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


def vitals_items(migration: Migration, vitals: Vitals) -> Iterator[CheckItem]:
    """Yield whether the hosts of new can be watched by the rules that look at them."""
    rules = [t for t in migration.rollback.thresholds if t.metric in HOST_METRICS]
    if not rules:
        yield info("monitoring.hosts", "no rule on memory or cpu is declared")
        return
    if not migration.new.node_exporters:
        yield warning(
            "monitoring.hosts",
            "no node exporter of new is declared",
            "one for each host: rollback.automatic has rules on memory and cpu",
            "Declare sides.new.node_exporters, or leave out the rules on memory and "
            "cpu: nobody watches them now.",
            ok=False,
        )
        return
    yield blocker(
        "monitoring.hosts",
        vitals.missing or f"{len(vitals.hosts)} node exporters answer",
        "every declared node exporter answers this router",
        "Start prometheus-node-exporter there, open its port to the routers, or "
        "correct sides.new.node_exporters: gates hold without it.",
        ok=not vitals.missing,
    )
