# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may write: read_only for the server, and locked accounts, which outlive it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Callable

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.session import (
    Refusal,
    Session,
    account,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
    TimedOut,
)

READ_ONLY = 1290
"""What a server with read_only answers to a write."""
GONE = 1094
_ACCOUNTS = """
SELECT CONCAT(User, '@', Host),
       COALESCE(JSON_VALUE(Priv, '$.account_locked'), '0') IN ('1', 'true')
  FROM mysql.global_priv
"""
_SESSIONS = (
    "SELECT id FROM information_schema.processlist "
    "WHERE user IN ({}) AND id <> CONNECTION_ID()"
)


def is_open(session: Session, accounts: Sequence[str]) -> bool:
    """Return whether the application may write here.

    read_only is lost when the server restarts, a locked account is not.
    """
    if str(session.value("SELECT @@global.read_only")) not in ("0", "OFF"):
        return False
    locked = {str(name): bool(shut) for name, shut in session.rows(_ACCOUNTS)}
    return any(not locked.get(name, True) for name in accounts)


def close(session: Session, accounts: Sequence[str], deadline: float) -> int:
    """Let nobody of the application write; return how many sessions were ended.

    read_only comes first: a session that is ended cannot come back and write. Who
    holds a lock that read_only waits for is ended too.
    """
    _insist(session, accounts, deadline, lambda: _shut(session))
    for name in accounts:
        _known(session, f"ALTER USER {account(name)} ACCOUNT LOCK")
    return end_sessions(session, accounts, deadline)


def _shut(session: Session) -> None:
    session.run("SET GLOBAL read_only = 1")


def commits_ended(session: Session, accounts: Sequence[str], deadline: float) -> None:
    """Wait until every commit that had passed read_only is in the log."""
    try:
        _insist(session, accounts, deadline, lambda: _flush(session))
    finally:
        session.run("UNLOCK TABLES")


def _flush(session: Session) -> None:
    session.run("FLUSH TABLES WITH READ LOCK")


def _insist(
    session: Session, accounts: Sequence[str], deadline: float, act: Callable[[], None]
) -> None:
    session.wait_for_locks(1)
    while True:
        try:
            act()
            break
        except TimedOut:
            if time.monotonic() > deadline:
                raise
            end_sessions(session, accounts, deadline)
    session.wait_for_locks(10)


def let_in(session: Session, accounts: Sequence[str]) -> None:
    """Let the application write; the last statement is what opens."""
    for name in accounts:
        _known(session, f"ALTER USER {account(name)} ACCOUNT UNLOCK")
    session.run("SET GLOBAL read_only = 0")


def _known(session: Session, text: str) -> None:
    """Run a statement about an account; one that is not there cannot log in."""
    try:
        session.run(text)
    except Refusal as refusal:
        if refusal.code != 1396:
            raise


def end_sessions(session: Session, accounts: Sequence[str], deadline: float) -> int:
    """End the accounts' sessions until none is left; return how many there were."""
    users = sorted({name.rpartition("@")[0] for name in accounts})
    query = _SESSIONS.format(", ".join(["%s"] * len(users)))
    found = session.names(query, *users)
    ended = len(found)
    while found:
        for number in found:
            _kill(session, int(number))
        if time.monotonic() > deadline:
            raise TimedOut(
                f"{len(found)} sessions of the application on the {session.what} did "
                "not end in time. Look at SHOW PROCESSLIST."
            )
        time.sleep(0.001)
        found = session.names(query, *users)
    return ended


def _kill(session: Session, number: int) -> None:
    try:
        session.run(f"KILL HARD CONNECTION {number}")
    except Refusal as refusal:
        if refusal.code != GONE:
            raise


def refuse_own(session: Session, accounts: Sequence[str]) -> None:
    """Raise when we are logged in as the application, or may be stopped ourselves."""
    users = {name.rpartition("@")[0] for name in accounts}
    if session.address.user in users:
        raise MigrateError(
            f"We are logged in on the {session.what} as {session.address.user}, which "
            "is to be fenced. Give another user's address."
        )


class Probe:
    """An account without any right, whose write shows whether read_only holds."""

    def __init__(self, name: str, session: Session) -> None:
        self.name, self._session = f"{name}_probe"[:80], session
        self._probe: Session | None = None

    def open(self) -> None:
        """Make the account, with a password that nobody knows, and log in."""
        word = f"Aa1-{secrets.token_hex(16)}"
        made = "CREATE OR REPLACE USER %s@'%%' IDENTIFIED BY %s"
        self._session.run(made, self.name, word)
        where = self._session.address
        address = type(where)(where.host, where.port, self.name, word)
        what = f"probe of the {self._session.what}"
        self._probe = Session(what, address, (*self._session.secrets, word))

    def refuse_unfenced(self) -> None:
        """Raise StateConflict unless a write is refused because of read_only."""
        if self._probe is None:
            self.open()
        if self._probe is None:
            raise AssertionError
        code = 0
        try:
            self._probe.run("CREATE DATABASE hal9_probe_of_the_fence")
        except Refusal as refusal:
            code = refusal.code
        if code != READ_ONLY:
            raise StateConflict(
                f"The fence of the {self._session.what} does not hold: a write was "
                f"answered with {code or 'success'}, {READ_ONLY} (read_only) is "
                "required. Find out who has set read_only back."
            )

    def remove(self) -> None:
        """Log out and remove the account."""
        if self._probe is not None:
            self._probe.close()
            self._probe = None
        self._session.run("DROP USER IF EXISTS %s@'%%'", self.name)
