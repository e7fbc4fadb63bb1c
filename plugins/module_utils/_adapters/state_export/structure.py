# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The structure by pg_dump and pg_restore: no address in an argument or a message."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.pieces import (
    BLOCK,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.schema import (
    SERVICES,
    service,
    services_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
    cleaned,
    parameters,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.workplace import (
    workplace,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.import_structure import (
    Entry,
)

SERVICE = "hal9"
# What pg_restore's list calls the things that can be looked for in a catalog.
_THERE = """
SELECT 'SCHEMA - ' || nspname FROM pg_namespace
UNION ALL
SELECT CASE WHEN k.contype = 'f' THEN 'FK CONSTRAINT ' ELSE 'CONSTRAINT ' END || n.nspname || ' ' || c.relname
       || ' ' || k.conname
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
UNION ALL
SELECT 'INDEX ' || schemaname || ' ' || indexname FROM pg_indexes
UNION ALL
SELECT 'TRIGGER ' || n.nspname || ' ' || c.relname || ' ' || t.tgname
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE NOT t.tgisinternal
UNION ALL
SELECT 'RULE ' || schemaname || ' ' || tablename || ' ' || rulename FROM pg_rules
UNION ALL
SELECT 'POLICY ' || schemaname || ' ' || tablename || ' ' || policyname FROM pg_policies
UNION ALL
SELECT 'STATISTICS ' || n.nspname || ' ' || s.stxname
  FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
"""


class Client:
    """PostgreSQL's client programs for one database."""

    def __init__(self, dsn: str, secrets: Sequence[str]) -> None:
        """Keep how to reach it."""
        self._dsn, self._secrets = dsn, secrets

    def dump(self, schemas: Sequence[str], snapshot: str) -> Iterator[bytes]:
        """Yield the structure as a snapshot sees it."""
        named = [f"--schema={_pattern(schema)}" for schema in schemas]
        options = [*_DUMP, *named, f"--snapshot={snapshot}", f"service={SERVICE}"]
        with self._workplace() as place, self._begun(place, ["pg_dump", *options]) as p:
            output = _output(p)
            yield from iter(lambda: output.read(BLOCK), b"")
            self._end(place, p, "pg_dump")

    def entries(self, dump: str, section: str) -> list[Entry]:
        """Return what one section of a dump would make."""
        listed = self._said(["pg_restore", "--list", f"--section={section}", dump])
        lines = listed.splitlines()
        return [Entry(line) for line in lines if line and not line.startswith(";")]

    def restore(
        self,
        dump: str,
        entries: Sequence[Entry],
        options: Sequence[str],
        where: str = f"service={SERVICE}",
    ) -> None:
        """Make these entries, through a connection to the service or one like it."""
        with self._workplace() as place:
            listing = os.path.join(place, "list")
            with open(listing, "w", encoding="utf-8") as file:
                file.write("\n".join(entry.line for entry in entries) + "\n")
            chosen = [f"--use-list={listing}", f"--dbname={where}"]
            command = ["pg_restore", "--exit-on-error", *options, *chosen, dump]
            with self._begun(place, command) as p:
                self._end(place, p, "pg_restore")

    def _said(self, command: list[str]) -> str:
        with self._workplace() as place, self._begun(place, command) as p:
            text = _output(p).read().decode()
            self._end(place, p, command[0])
            return text

    @contextmanager
    def _begun(
        self, place: str, command: list[str]
    ) -> Iterator[subprocess.Popen[bytes]]:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "PGSERVICEFILE": services_of(place),
            "PGCONNECT_TIMEOUT": "5",
            "LC_ALL": "C.UTF-8",
        }
        try:
            with open(os.path.join(place, "said"), "wb") as said:
                begun = subprocess.Popen(  # pylint: disable=ansible-bad-function
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=said,
                )
        except FileNotFoundError:
            raise DependencyMissing(
                f"{command[0]} is not installed on this host. Install the package "
                "postgresql-client (role hal9.migrate.state_host does)."
            ) from None
        try:
            yield begun
        finally:
            if begun.poll() is None:
                begun.kill()
            begun.wait()
            if begun.stdout:
                begun.stdout.close()

    def _end(self, place: str, begun: subprocess.Popen[bytes], name: str) -> None:
        if begun.wait() == 0:
            return
        with open(os.path.join(place, "said"), encoding="utf-8", errors="replace") as f:
            said = cleaned(f.read(), self._secrets)
        raise MigrateError(f"{name} of the structure failed: {said[-800:]}")

    @contextmanager
    def _workplace(self) -> Iterator[str]:
        text = service(SERVICE, parameters(self._dsn, "the database"))
        with workplace({SERVICES: text}) as place:
            yield place


_DUMP = (
    "--schema-only",
    "--format=custom",
    "--compress=0",
    "--no-publications",
    "--no-subscriptions",
    "--lock-wait-timeout=10000",
)


def _output(begun: subprocess.Popen[bytes]) -> IO[bytes]:
    if begun.stdout is None:
        raise AssertionError
    return begun.stdout


def _pattern(schema: str) -> str:
    return '"' + schema.replace('"', '""') + '"'


def there(session: Session) -> set[str]:
    """Return what a database has, in the words of a dump's list."""
    return {str(name) for (name,) in session.rows(_THERE)}
