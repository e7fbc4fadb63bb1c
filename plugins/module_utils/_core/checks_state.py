# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pre-check of a database that moves: who writes to it, and what its PgBouncers can
do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import (
    CheckItem,
    Severity,
    blocker,
    info,
    warning,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Writer,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    PgBouncer,
    PostgresItem,
)

PREPARES_SINCE = (1, 21)
"""The first PgBouncer that keeps protocol-level prepared statements in transaction
pooling.
"""

OURS = "hal9*"
"""The application_name of this collection's own sessions."""


@dataclass(frozen=True)
class DatabaseSession:
    """Sessions of one user and application, as pg_stat_activity shows them."""

    side: Side
    user: str
    application: str
    count: int
    may_write: bool

    def __str__(self) -> str:
        """Return who it is, without an address."""
        return (
            f"{self.user} ({self.application or 'no application_name'}) x {self.count}"
        )


@dataclass(frozen=True)
class BouncerFacts:
    """What the console of one PgBouncer tells."""

    name: str
    version: tuple[int, ...] = ()
    pool_mode: str = ""
    max_prepared: int = 0
    problem: str = ""


@dataclass(frozen=True)
class StateFacts:
    """What was seen of one item; ``problem`` when the databases could not be asked."""

    sessions: tuple[DatabaseSession, ...] = ()
    problem: str = ""


def state_items(
    item: PostgresItem, writers: Sequence[Writer], facts: StateFacts
) -> Iterator[CheckItem]:
    """Yield whether every session that may write is one that the operator knows of."""
    name = f"database.{item.name}"
    if facts.problem:
        yield blocker(
            f"{name}.sessions",
            facts.problem,
            "pg_stat_activity of both sides can be read",
            "Mend the address or the connection, then run pre-check again.",
            ok=False,
        )
        return
    yield _declared(name, writers)
    legacy = [x for x in facts.sessions if x.side == "legacy" and is_foreign(x)]
    yield _accounted(name, item, writers, legacy)
    yield from _silent(name, item, writers, legacy)
    yield _new_untouched(name, facts.sessions)


def is_foreign(session: DatabaseSession) -> bool:
    """Say whether a session may write and is not one of ours."""
    return session.may_write and not fnmatchcase(session.application, OURS)


def carries(item: PostgresItem, writer: Writer, session: DatabaseSession) -> bool:
    """Say whether a session belongs to a declared writer."""
    if session.user != (writer.user or item.application_role):
        return False
    return fnmatchcase(session.application, writer.application or "*")


def _declared(name: str, writers: Sequence[Writer]) -> CheckItem:
    return blocker(
        f"{name}.writers_declared",
        f"{len(writers)} declared",
        "at least one",
        "List everything that writes to the database under `writers`: services, cron "
        "jobs, workers, reports that keep state.",
        ok=bool(writers),
    )


def _accounted(
    name: str,
    item: PostgresItem,
    writers: Sequence[Writer],
    sessions: Sequence[DatabaseSession],
) -> CheckItem:
    strange = [x for x in sessions if not any(carries(item, w, x) for w in writers)]
    return blocker(
        f"{name}.writers",
        ", ".join(map(str, strange))
        or f"{len(sessions)} kinds of session, all declared",
        "every session seen that may write belongs to a declared writer",
        "Declare each under `writers` (with `user` and `application`), or take its "
        "rights: after the switch it would write to a database that nobody reads.",
        ok=not strange,
    )


def _silent(
    name: str,
    item: PostgresItem,
    writers: Sequence[Writer],
    sessions: Sequence[DatabaseSession],
) -> Iterator[CheckItem]:
    silent = [w.name for w in writers if not any(carries(item, w, x) for x in sessions)]
    if silent:
        yield info(f"{name}.writers_silent", f"not connected now: {', '.join(silent)}")


def _new_untouched(name: str, sessions: Sequence[DatabaseSession]) -> CheckItem:
    there = [str(x) for x in sessions if x.side == "new" and is_foreign(x)]
    return warning(
        f"{name}.new_untouched",
        ", ".join(there) or "no session that may write",
        "nothing writes to the new database before it is switched",
        "End these sessions: what they write now stands in the way of replication.",
        ok=not there,
    )


def bouncer_items(declared: PgBouncer, facts: BouncerFacts) -> Iterator[CheckItem]:
    """Yield how one PgBouncer pools, and whether clients may prepare statements through
    it.
    """
    name = f"database.pgbouncer.{declared.name}"
    if facts.problem:
        remedy = "Start it, or correct its `admin` address (a user of admin_users)."
        yield blocker(f"{name}.console", facts.problem, "answers", remedy, ok=False)
        return
    yield blocker(
        f"{name}.pooling",
        facts.pool_mode,
        "transaction",
        f"Set pool_mode = transaction for {declared.database} in {declared.config}; "
        "first see that clients keep no session state (SET, LISTEN, advisory locks).",
        ok=facts.pool_mode == "transaction",
    )
    yield _prepares(name, declared, facts)


def _prepares(name: str, declared: PgBouncer, facts: BouncerFacts) -> CheckItem:
    can = facts.version >= PREPARES_SINCE and facts.max_prepared > 0
    version = ".".join(map(str, facts.version)) or "unknown"
    observed = f"PgBouncer {version}, max_prepared_statements {facts.max_prepared}"
    required = "clients' protocol-level prepared statements work in transaction pooling"
    remedy = (
        "Upgrade to PgBouncer 1.21 and set max_prepared_statements, or switch them off "
        "in the clients' drivers and declare `prepared_statements: false`."
    )
    name = f"{name}.prepared_statements"
    if declared.prepared_statements is None and not can:
        observed += "; whether clients use them cannot be seen from here"
        return warning(name, observed, required, remedy, ok=False)
    if declared.prepared_statements is False:
        observed += "; declared as not used"
    needed = declared.prepared_statements is not False
    return blocker(name, observed, required, remedy, ok=can or not needed)


_SEVERITY: Mapping[str, Severity] = {
    "ok": "blocker",
    "error": "blocker",
    "warning": "warning",
}


def readiness_item(item: str, raw: Mapping[str, Any]) -> CheckItem:
    """Return one item of M(replication_info) in the words of the pre-check."""
    severity = str(raw.get("severity", "error"))
    return CheckItem(
        id=f"replication.{item}.{raw.get('id', 'unknown')}",
        component="replication",
        observed=str(raw.get("observed", "")),
        required=str(raw.get("required", "")),
        severity=_SEVERITY.get(severity, "blocker"),
        ok=severity == "ok",
        remedy=str(raw.get("remedy", "")),
    )
