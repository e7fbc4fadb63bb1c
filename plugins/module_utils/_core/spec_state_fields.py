# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of the state that moves: databases, PgBouncers and writers."""

from __future__ import annotations

from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core import spec_words as w
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Backup,
    PgBouncer,
    SecretRef,
    StateItem,
    Writer,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_kinds import (
    Choice,
    Truth,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_records import (
    REQUIRED,
    Field,
    Record,
    Several,
)

PGBOUNCER = Record(
    "pgbouncer",
    PgBouncer,
    (
        Field("name", w.WORD, REQUIRED, "Its name, unique.", example="pgb_legacy"),
        Field(
            "host", w.WORD, REQUIRED, "The inventory host it runs on.", example="db1"
        ),
        Field(
            "admin",
            w.SECRET,
            REQUIRED,
            "The address of its console (database `pgbouncer`).",
            example={"env": "SHOP_PGB_LEGACY_ADMIN"},
        ),
        Field(
            "database",
            w.WORD,
            REQUIRED,
            "The database clients name there.",
            example="shop",
        ),
        Field(
            "config",
            w.FILE,
            "/etc/pgbouncer/pgbouncer.ini",
            "Its configuration, re-pointed by the switch.",
        ),
        Field(
            "prepared_statements",
            Truth(),
            None,
            "Whether clients prepare statements by the protocol. If so, pre-check "
            "demands PgBouncer 1.21.",
        ),
    ),
)


def _state_item(
    legacy: SecretRef,
    new: SecretRef,
    legacy_from_new: SecretRef | None,
    new_from_legacy: SecretRef | None,
    **values: Any,
) -> StateItem:
    return StateItem(
        legacy=legacy,
        new=new,
        legacy_from_new=legacy_from_new or legacy,
        new_from_legacy=new_from_legacy or new,
        **values,
    )


STATE_ITEM = Record(
    "state item",
    _state_item,
    (
        Field(
            "name", w.MIGRATION_NAME, REQUIRED, "Its name, unique.", example="orders"
        ),
        Field("engine", Choice(("postgresql",)), "postgresql", "The database."),
        Field(
            "host",
            w.WORD,
            REQUIRED,
            "The inventory host that reaches both databases and runs the switch.",
            example="db1",
        ),
        Field(
            "legacy",
            w.SECRET,
            REQUIRED,
            "The legacy database (libpq address of a superuser).",
            example={"env": "SHOP_LEGACY_DSN"},
        ),
        Field(
            "new",
            w.SECRET,
            REQUIRED,
            "The new database, likewise.",
            example={"env": "SHOP_NEW_DSN"},
        ),
        Field(
            "legacy_from_new",
            w.SECRET,
            None,
            "How the new server reaches the legacy database; `legacy` if absent.",
        ),
        Field(
            "new_from_legacy",
            w.SECRET,
            None,
            "How the legacy server reaches the new database; `new` if absent.",
        ),
        Field("schemas", Several(w.LABEL, 1), ["public"], "The schemas that move."),
        Field(
            "application_role",
            w.LABEL,
            REQUIRED,
            "The role of the application, fenced during the switch.",
            example="shop",
        ),
        Field(
            "pgbouncers",
            Several(PGBOUNCER, 1),
            REQUIRED,
            "Every PgBouncer in front of it; all are paused together.",
        ),
        Field(
            "max_lag", w.SIZE, "1MB", "Replication lag to switch at.", "max_lag_bytes"
        ),
        Field("max_lag_time", w.DURATION, "1s", "The same in time.", "max_lag_seconds"),
        Field(
            "switch_deadline",
            w.DURATION,
            "30s",
            "After this the switch is undone.",
            "switch_deadline_seconds",
        ),
    ),
)

WRITER = Record(
    "writer",
    Writer,
    (
        Field("name", w.LABEL, REQUIRED, "What it is.", example="nightly cron"),
        Field(
            "through",
            w.WORD,
            REQUIRED,
            "The PgBouncer that carries it, or `direct`.",
            example="pgb_legacy",
        ),
        Field(
            "stopped_by",
            w.OPTIONAL_LABEL,
            "",
            "What keeps it still during the switch; needed for `direct`.",
        ),
        Field(
            "user",
            w.OPTIONAL_LABEL,
            "",
            "Its database role; the application's if empty.",
        ),
        Field(
            "application",
            w.OPTIONAL_LABEL,
            "",
            "Its application_name, `*` for any part; any name if empty.",
        ),
    ),
)

BACKUP = Record(
    "backup",
    Backup,
    (
        Field("name", w.LABEL, REQUIRED, "What it is.", example="nightly base backup"),
        Field(
            "host", w.WORD, REQUIRED, "The inventory host it lies on.", example="db1"
        ),
        Field(
            "path",
            w.FILE,
            REQUIRED,
            "The file, `*` for any part; the newest one counts.",
            example="/var/backups/shop/*.dump",
        ),
        Field("max_age", w.DURATION, "24h", "How old it may be.", "max_age_seconds"),
    ),
)
