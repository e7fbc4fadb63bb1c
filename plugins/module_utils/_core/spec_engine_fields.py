# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The items of state, engine by engine: each has keys of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ansible_collections.hal9.migrate.plugins.module_utils._core import spec_words as w
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_copy_fields import (
    COPY,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_export_fields import (
    EXPORT_FIELDS,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_forms import (
    Variants,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_kinds import (
    Choice,
    Truth,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_reconcile_fields import (
    RECONCILE_FIELD,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_records import (
    REQUIRED,
    Field,
    Record,
    Several,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    Fence,
    FilesItem,
    MariaItem,
    PgBouncer,
    PostgresItem,
    RedisItem,
    SecretRef,
    ServerItem,
)

COMMAND = Several(w.COMMAND_WORD, 1, 50)
OPTIONAL_COMMAND = Several(w.COMMAND_WORD, 0, 50)

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

Built = TypeVar("Built", bound=ServerItem)


def _server_item(build: Callable[..., Built]) -> Callable[..., Built]:
    """Let each server reach the other as we do, unless it is said how."""

    def built(
        legacy: SecretRef,
        new: SecretRef,
        legacy_from_new: SecretRef | None,
        new_from_legacy: SecretRef | None,
        **values: Any,
    ) -> Built:
        return build(
            legacy=legacy,
            new=new,
            legacy_from_new=legacy_from_new or legacy,
            new_from_legacy=new_from_legacy or new,
            **values,
        )

    return built


def _item(engine: str, doc: str) -> tuple[Field, ...]:
    """Return the fields that an item of any engine begins with."""
    return (
        Field(
            "name", w.MIGRATION_NAME, REQUIRED, "Its name, unique.", example="orders"
        ),
        Field("engine", Choice((engine,)), engine, doc),
        Field(
            "host",
            w.WORD,
            REQUIRED,
            "The inventory host that reaches both sides and runs the switch.",
            example="db1",
        ),
    )


def _servers(what: str, form: str, example: str) -> tuple[Field, ...]:
    """Return the addresses of both servers, and of each as the other one reaches it."""
    return (
        Field(
            "legacy",
            w.SECRET,
            REQUIRED,
            f"The legacy {what} ({form}).",
            example={"env": f"{example}_LEGACY_DSN"},
        ),
        Field(
            "new",
            w.SECRET,
            REQUIRED,
            f"The new {what}, likewise.",
            example={"env": f"{example}_NEW_DSN"},
        ),
        Field(
            "legacy_from_new",
            w.SECRET,
            None,
            f"How the new server reaches the legacy {what}; `legacy` if absent.",
        ),
        Field(
            "new_from_legacy",
            w.SECRET,
            None,
            f"How the legacy server reaches the new {what}; `new` if absent.",
        ),
    )


def _lag(size: str, time: str) -> tuple[Field, ...]:
    """Return the fields that an item of any engine ends with."""
    return (
        Field("max_lag", w.SIZE, "1MB", size, "max_lag_bytes"),
        Field("max_lag_time", w.DURATION, "1s", time, "max_lag_seconds"),
        Field(
            "switch_deadline",
            w.DURATION,
            "30s",
            "After this the switch is undone.",
            "switch_deadline_seconds",
        ),
    )


POSTGRESQL_ITEM = Record(
    "PostgreSQL item",
    _server_item(PostgresItem),
    (
        *_item("postgresql", "A PostgreSQL database."),
        *_servers("database", "libpq address of a superuser", "SHOP"),
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
        Field("copy", COPY, {}, "How big tables are copied."),
        RECONCILE_FIELD,
        *EXPORT_FIELDS,
        *_lag("Replication lag to switch at.", "The same in time."),
    ),
)

REDIS_ITEM = Record(
    "Redis item",
    _server_item(RedisItem),
    (
        *_item("redis", "A Redis server with all its databases."),
        *_servers("server", "redis:// or rediss:// address", "SESSIONS"),
        *_lag("Replication lag to switch at.", "The same in time."),
    ),
)

MARIADB_ITEM = Record(
    "MariaDB item",
    _server_item(MariaItem),
    (
        *_item("mariadb", "A MariaDB server with all its databases."),
        *_servers("server", "mariadb://user:password@host:port", "STOCK"),
        Field(
            "application_accounts",
            Several(w.ACCOUNT, 1, 50),
            REQUIRED,
            "Every account of the application, as user@host; they are locked on the "
            "side that is shut, because read_only does not outlive a restart.",
            example=["stock@%"],
        ),
        *_lag("Replication lag to switch at.", "The same in time."),
    ),
)

FENCE = Record(
    "fence",
    Fence,
    (
        Field(
            "probe",
            COMMAND,
            REQUIRED,
            "Writes into the tree as the service does; it must end with 0 exactly when "
            "it was let.",
            example=["/usr/local/bin/upload-probe", "{tree}"],
        ),
        Field(
            "marker",
            w.FENCE_FILE,
            "",
            "A file on the host; while it is there the service does not write the "
            "tree. Instead of the commands.",
            example="/run/shop/uploads-{side}.closed",
        ),
        Field("close", OPTIONAL_COMMAND, [], "Holds the service's writes to the tree."),
        Field("open", OPTIONAL_COMMAND, [], "Lets them go on."),
        Field("is_open", OPTIONAL_COMMAND, [], "Ends with 0 when they may go on."),
    ),
)

FILES_ITEM = Record(
    "files item",
    FilesItem,
    (
        *_item("files", "A tree of files."),
        Field(
            "legacy",
            w.FILE,
            REQUIRED,
            "The legacy tree, as the host sees it (mounted, if it lies elsewhere).",
            example="/srv/legacy/uploads",
        ),
        Field("new", w.FILE, REQUIRED, "The new tree.", example="/srv/shop/uploads"),
        Field(
            "fence",
            FENCE,
            REQUIRED,
            "How the service's writes are held: a marker or commands, and a probe. "
            "`{side}` and `{tree}` stand for the side and its directory.",
        ),
        Field(
            "links",
            Several(w.FILE),
            [],
            "Symbolic links by which services reach the tree; the switch re-points "
            "them.",
        ),
        *_lag(
            "What the pass before the fence may have copied.",
            "How long it may have taken.",
        ),
    ),
)

STATE_ITEM = Variants(
    "engine",
    "postgresql",
    (
        ("files", FILES_ITEM),
        ("mariadb", MARIADB_ITEM),
        ("postgresql", POSTGRESQL_ITEM),
        ("redis", REDIS_ITEM),
    ),
)
