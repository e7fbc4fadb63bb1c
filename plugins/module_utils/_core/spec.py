# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authority on the declaration ``hal9_migration``: read it whole, or refuse it with
every reason.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Lease,
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.schema import (
    render_schema,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_declaration import (
    DECLARATION,
    Declared,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_phase_fields import (
    SHADOW_PHASE,
    STATE_PHASE,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_phases import (
    WrittenPhases,
    phase_specs,
    policies,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_problems import (
    Problem,
    Refused,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_rules import (
    broken_rules,
)

__all__ = ["parse", "render_schema"]

MANY = 5
"""So many problems are told in the message; all of them are in the facts."""


def parse(raw: Any) -> Migration:
    """Return the migration that ``raw`` declares, or raise InvalidSpec with every
    problem of it.
    """
    try:
        declared: Declared = DECLARATION.read(raw, "")
    except Refused as refused:
        _refuse(list(refused.problems))
    migration = _assembled(declared)
    problems = broken_rules(migration)
    if problems:
        _refuse(problems)
    return migration


def _assembled(declared: Declared) -> Migration:
    evidence = policies(declared.evidence, declared.rollback.thresholds)
    legacy, new = declared.sides
    return Migration(
        name=declared.name,
        identity=declared.identity,
        salt=declared.salt or declared.name,
        safe_methods=declared.safe_methods,
        legacy=legacy,
        new=new,
        routers=declared.routers,
        lease=Lease(int(declared.lease)),
        guard=declared.guard,
        phases=phase_specs(_present(declared), evidence),
        shadow=declared.shadow,
        state=declared.state,
        writers=declared.writers,
        backups=declared.backups,
        rollback=declared.rollback,
        flags=declared.flags,
        journal=declared.journal,
        sign_offs=declared.sign_offs,
        reports=declared.reports,
        notifications=declared.notifications,
    )


def _present(declared: Declared) -> WrittenPhases:
    """Return the phases with shadow and state as soon as their parts are declared."""
    written = declared.phases
    shadow = written.shadow
    if shadow is None and declared.shadow is not None:
        shadow = SHADOW_PHASE.read({}, "phases.shadow")
    state = written.state
    if state is None and declared.state:
        state = STATE_PHASE.read({}, "phases.state")
    return WrittenPhases(shadow, written.canary, state, written.ramp_up, written.full)


def _refuse(problems: list[Problem]) -> NoReturn:
    first = problems[0]
    told = "\n".join(f"- {problem}" for problem in problems[:MANY])
    more = f"\n- and {len(problems) - MANY} more" if len(problems) > MANY else ""
    count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise InvalidSpec(
        f"Refused the declaration hal9_migration: {count}.\n{told}{more}\n"
        "Every key is explained in docs/reference/migration.md.",
        path=first.path,
        value=first.value,
        allowed=first.allowed,
        problems=[problem.facts() for problem in problems],
    )
