# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of rollback, flags and journal, and the whole declaration."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core import (
    spec_backup_fields as b,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core import (
    spec_engine_fields as en,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core import spec_fields as f
from ansible_collections.hal9.migrate.plugins.module_utils._core import (
    spec_phase_fields as p,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core import (
    spec_state_fields as st,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core import spec_words as w
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Backup,
    Flags,
    Guard,
    Identity,
    JournalSpec,
    RollbackPolicy,
    Routers,
    ShadowSpec,
    SideSpec,
    Threshold,
    Writer,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_kinds import (
    Choice,
    Truth,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_phases import (
    Evidence,
    WrittenPhases,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_records import (
    REQUIRED,
    Field,
    Record,
    Several,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    StateItem,
)

THRESHOLD = Record(
    "threshold",
    Threshold,
    (
        Field("metric", w.CEILING_METRIC, REQUIRED, "What is watched."),
        Field("above", w.CEILING, REQUIRED, "The limit.", "maximum", "0.1%"),
        Field(
            "for", w.DURATION, "0s", "How long it must last; 0s: at once.", "seconds"
        ),
    ),
)
THRESHOLDS = [
    {"metric": "error_rate", "above": "0.1%", "for": "2m"},
    {"metric": "p99_ms", "above": 50, "for": "5m"},
    {"metric": "p50_ms", "above": 15, "for": "5m"},
    {"metric": "error_rate", "above": "1%"},
    {"metric": "p99_ms", "above": 100},
    {"metric": "failed_health_checks", "above": 2},
    {"metric": "memory", "above": "95%"},
    {"metric": "cpu", "above": "95%", "for": "5m"},
]
ROLLBACK = Record(
    "rollback",
    RollbackPolicy,
    (
        Field(
            "automatic",
            Several(THRESHOLD),
            THRESHOLDS,
            "What sends users back without being asked.",
            "thresholds",
        ),
        Field(
            "close_connections",
            Truth(),
            default=True,
            doc="End connections open to new when a rollback leaves it no share.",
        ),
    ),
)


def _turn(phase: str, flag: str, variant: str) -> tuple[Phase, str, str]:
    return Phase(phase), flag, variant


TURN = Record(
    "turn",
    _turn,
    (
        Field(
            "phase",
            Choice(("shadow", "canary", "state", "ramp_up", "full")),
            REQUIRED,
            "The phase that turns it when it is committed.",
        ),
        Field("flag", w.LABEL, REQUIRED, "The flag.", example="shop-new"),
        Field("variant", w.LABEL, REQUIRED, "Its variant then.", example="on"),
    ),
)
FLAGS = Record(
    "flags",
    Flags,
    (
        Field(
            "path", w.FILE, REQUIRED, "The flag file.", example="/etc/hal9/flags.json"
        ),
        Field("turn", Several(TURN), [], "Flags that phases turn.", "turns"),
    ),
)
JOURNAL = Record(
    "journal",
    JournalSpec,
    (
        Field("backend", Choice(("sqlite", "postgresql")), "sqlite", "What keeps it."),
        Field(
            "path",
            w.FILE,
            "/var/lib/hal9/journal.db",
            "The file, for sqlite; beside it the coordinator keeps its last event.",
        ),
        Field("dsn", w.SECRET, None, "The database, for postgresql."),
    ),
)


@dataclass(frozen=True)
class Declared:
    """The whole declaration, each part read, before the parts are put together."""

    name: str
    identity: tuple[Identity, ...]
    salt: str | None
    safe_methods: tuple[str, ...]
    sides: tuple[SideSpec, SideSpec]
    routers: Routers
    lease: float
    guard: Guard
    phases: WrittenPhases
    evidence: Evidence
    shadow: ShadowSpec | None
    state: tuple[StateItem, ...]
    writers: tuple[Writer, ...]
    backups: tuple[Backup, ...]
    rollback: RollbackPolicy
    flags: Flags | None
    journal: JournalSpec
    reports: str
    sign_offs: tuple[str, ...]
    notifications: tuple[tuple[str, str], ...]


DECLARATION = Record(
    "hal9_migration",
    Declared,
    (
        Field(
            "name",
            w.MIGRATION_NAME,
            REQUIRED,
            "The service that moves.",
            example="shop",
        ),
        Field(
            "identity",
            Several(w.IDENTITY, 1),
            ["source"],
            "What tells users apart; the first that a request carries decides.",
            example=[{"cookie": "uid"}, {"header": "X-User"}, "source"],
        ),
        Field("salt", w.WORD, None, "Mixed into the hash of users; `name` if absent."),
        Field(
            "safe_methods",
            Several(w.METHOD, 1),
            ["GET", "HEAD", "OPTIONS"],
            "Methods that may be tried again on legacy when new fails.",
        ),
        Field("sides", f.SIDES, REQUIRED, "Both stacks."),
        Field("routers", f.ROUTERS, {}, "What stands in front of both."),
        Field(
            "lease",
            w.WHOLE_SECONDS,
            "15s",
            "How long routers keep a share without renewal; 3s at least.",
        ),
        Field("guard", f.GUARD, {}, "When a router takes new out by itself."),
        Field("phases", p.PHASES, {}, "What happens, in order."),
        Field("evidence", p.EVIDENCE, {}, "How gates decide."),
        Field("shadow", f.SHADOW, None, "The mirror; the shadow phase needs it."),
        Field("state", Several(en.STATE_ITEM), [], "The state that moves."),
        Field(
            "writers",
            Several(st.WRITER),
            [],
            "Everything that writes to them; pre-check refuses anything else.",
        ),
        Field(
            "backups",
            Several(b.BACKUP),
            [],
            "Backups that must be there before the move: made by "
            "`hal9-migrate backup create` where `engine` is declared, else by somebody "
            "else; pre-check looks.",
        ),
        Field("rollback", ROLLBACK, {}, "When the controller goes back by itself."),
        Field("flags", FLAGS, None, "Feature flags that phases turn."),
        Field("journal", JOURNAL, {}, "Where the record is kept, on the coordinator."),
        Field("reports", w.FILE, "/var/lib/hal9/reports", "Where reports are written."),
        Field(
            "sign_offs",
            Several(w.LABEL),
            [],
            "Who must have signed off before pre-check is green.",
            example=["database team"],
        ),
        Field(
            "notifications",
            Several(w.LABEL, 0, 0),
            [],
            "Kept free: nothing is sent yet, so the list must be empty.",
        ),
    ),
)
