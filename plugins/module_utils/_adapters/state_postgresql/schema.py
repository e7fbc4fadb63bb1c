# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The structure, brought over in two parts: before the copy, and after it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Callable

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    structure,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    NETWORK,
    Session,
    cleaned,
    parameters,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.sorting import (
    with_room,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.workplace import (
    workplace as closed,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
    TimedOut,
)

RESTORE_SECONDS = 3600
SERVICES = "services"
_KEYS = """
SELECT n.nspname || ' ' || c.relname
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY(%s)
   AND (i.indisreplident OR EXISTS (SELECT 1 FROM pg_constraint k
                                     WHERE k.conindid = i.indexrelid AND k.contype <> 'f'))
"""


def bring_tables(
    site: Site, source: Session, target: Session, *, bare: bool = False
) -> None:
    """Restore tables, and unless bare the keys that replication finds rows by."""
    keys = _keys(source, site)
    schemas = target.rows("SELECT nspname FROM pg_namespace")
    present = {f"SCHEMA - {name}" for (name,) in schemas}

    def wanted(entry: Entry) -> bool:
        early = entry.is_bare(keys) if bare else entry.is_early(keys)
        return early and not entry.is_in(present)

    _bring(site, wanted)


def bring_attachments(
    site: Site, source: Session, target: Session, jobs: int = 1
) -> None:
    """Restore what the target lacks of keys, indexes, foreign keys and triggers: after
    the copy, being slow. What a broken off run has brought is left as it is.
    """
    keys = _keys(source, site)
    present = structure.entries(target, site)
    _bring(
        site,
        lambda entry: not (entry.is_bare(keys) or entry.is_in(present)),
        jobs,
        with_room(target, "new"),
    )


def _keys(source: Session, site: Site) -> set[str]:
    return {str(key) for (key,) in source.rows(_KEYS, list(site.schemas))}


@dataclass(frozen=True)
class Entry:
    """One line of a dump's list: ``12; 1259 16388 INDEX public by_day owner``."""

    line: str

    @property
    def text(self) -> str:
        """Kind, schema, name and owner."""
        return self.line.split(" ", 3)[3]

    def is_early(self, keys: set[str]) -> bool:
        """Return whether the entry goes before the copy."""
        if not self.text.startswith(_LATE):
            return True
        indexes = ("INDEX ATTACH ", "INDEX ")
        named = [self.text[len(i) :] for i in indexes if self.text.startswith(i)]
        return bool(named) and named[0].rsplit(" ", 1)[0] in keys

    def is_bare(self, keys: set[str]) -> bool:
        """Return whether it makes a table without any index."""
        indexes = ("CONSTRAINT ", "INDEX ")
        return self.is_early(keys) and not self.text.startswith(indexes)

    def is_in(self, present: set[str]) -> bool:
        """Return whether the entry is one of these, its owner left aside."""
        return self.text.rsplit(" ", 1)[0] in present


_LATE = ("INDEX ", "FK CONSTRAINT ", "TRIGGER ", "RULE ", "COMMENT ", "EVENT TRIGGER ")


def _bring(
    site: Site,
    wanted: Callable[[Entry], bool],
    jobs: int = 1,
    where: str = "service=new",
) -> None:
    with workplace(site) as place:
        dump = os.path.join(place, "structure")
        schemas = [f"--schema={_pattern(name)}" for name in site.schemas]
        _run(
            site,
            place,
            ["pg_dump", *_DUMP, *schemas, f"--file={dump}", "service=legacy"],
        )
        listed = _run(site, place, ["pg_restore", "--list", dump]).splitlines()
        entries = [Entry(line) for line in listed if line and not line.startswith(";")]
        chosen = [entry.line for entry in entries if wanted(entry)]
        if chosen:
            how = "--single-transaction" if jobs == 1 else f"--jobs={jobs}"
            _restore(site, place, dump, chosen, [how, f"--dbname={where}"])


_DUMP = (
    "--schema-only",
    "--format=custom",
    "--no-publications",
    "--no-subscriptions",
    "--lock-wait-timeout=10000",
)


def _restore(
    site: Site, place: str, dump: str, chosen: list[str], options: list[str]
) -> None:
    """Restore the chosen entries: wholly or not at all, unless by several jobs."""
    listing = os.path.join(place, "list")
    with open(listing, "w", encoding="utf-8") as file:
        file.write("\n".join(chosen) + "\n")
    command = ["pg_restore", "--exit-on-error", f"--use-list={listing}", *options]
    _run(site, place, [*command, dump])


def _pattern(schema: str) -> str:
    return '"' + schema.replace('"', '""') + '"'


@contextmanager
def workplace(site: Site) -> Iterator[str]:
    """Give a directory closed to others with a service file: no address is in argv."""
    dsns = (("legacy", site.legacy), ("new", site.new))
    text = "".join(
        service(name, {**NETWORK, **parameters(dsn, f"the {name} database")})
        for name, dsn in dsns
    )
    with closed({SERVICES: text}) as place:
        yield place


def service(name: str, pairs: Mapping[str, object]) -> str:
    """Return the section of a service file that says how to connect."""
    lines = [f"{key}={value}" for key, value in pairs.items()]
    return "\n".join([f"[{name}]", *lines, ""])


def services_of(place: str) -> str:
    """Return the file of a workplace that holds addresses and passwords."""
    return os.path.join(place, SERVICES)


def environment(place: str) -> dict[str, str]:
    """Return all that PostgreSQL's programs get to see."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PGSERVICEFILE": services_of(place),
        "PGCONNECT_TIMEOUT": "5",
        "PGAPPNAME": "hal9-state",
        "LC_ALL": "C.UTF-8",
    }


def _run(site: Site, place: str, command: list[str]) -> str:
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            command,
            env=environment(place),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RESTORE_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise DependencyMissing(
            f"{command[0]} is not installed on this host. Install the package "
            "postgresql-client (role hal9.migrate.state_host does)."
        ) from None
    except subprocess.TimeoutExpired:
        raise TimedOut(f"{command[0]} did not end in {RESTORE_SECONDS} s.") from None
    if done.returncode:
        said = cleaned(done.stderr, site.secrets)
        raise MigrateError(f"{command[0]} of the structure failed: {said[-800:]}")
    return done.stdout
