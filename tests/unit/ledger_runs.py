# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does to the shop's journal, by its ledger."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._core.ledger import (
    Decide,
    Ledger,
    Outcome,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import Step
from ansible_collections.hal9.migrate.plugins.module_utils._core.transitions import (
    Cause,
    Target,
    adopt,
    begin,
    commit,
    go_back,
)
from tests.unit.builders import (
    PASS,
    shop_migration,
    step,
)

SHOP = shop_migration()
SHADOW = step(SHOP, "shadow 0%")


def wants(run: Ledger, wanted: Step) -> Decide:
    """Return the decision to begin a step."""
    return lambda position: begin(SHOP, position, wanted, run.run)


def begins(run: Ledger, wanted: Step, seconds: float = 600.0) -> Outcome:
    """Begin a step by the ledger."""
    return run.begin(wants(run, wanted), (), seconds)


def commits(run: Ledger, wanted: Step) -> Outcome:
    """End a step by the ledger, on a pass."""
    return run.end(lambda position: commit(SHOP, position, wanted, run.run, PASS))


def goes_back(run: Ledger) -> Outcome:
    """Send everybody to legacy by the ledger."""
    cause = Cause("operator")
    return run.fence(
        lambda position: adopt(position, ()),
        lambda position: go_back(SHOP, position, Target("zero"), cause, run.run),
    )
