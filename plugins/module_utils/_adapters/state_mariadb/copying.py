# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first copy: a consistent dump of legacy, streamed into new whole or not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.links import (
    databases_of,
    position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.session import (
    Refusal,
    Session,
    cleaned,
    quoted,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.site import (
    Address,
    MariaSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
    StateConflict,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_gtid import (
    merged,
)

PROGRAMS = ("mariadb-dump", "mariadb")
_DUMP = (
    "--single-transaction",
    "--gtid",
    "--master-data=2",
    "--routines",
    "--events",
    "--triggers",
    "--hex-blob",
    "--max-allowed-packet=1G",
    "--default-character-set=utf8mb4",
    "--databases",
)
_LOAD = (
    "--binary-mode",
    "--max-allowed-packet=1G",
    "--default-character-set=utf8mb4",
)
_POSITION = re.compile(rb"^-- SET GLOBAL gtid_slave_pos='([0-9,-]*)'", re.MULTILINE)
_LAST = b"-- Dump completed"
PIECE = 256 * 1024
HEAD = 4 * PIECE


def missing_programs() -> tuple[str, ...]:
    """Return which of the client's programs are not on this host."""
    return tuple(name for name in PROGRAMS if shutil.which(name) is None)


class Copy:
    """One copy; a mark on new says that one was begun, and of which databases.

    The mark goes when new follows. As long as it is there nothing on new is believed:
    what the mark names is removed, and the copy is made again.
    """

    def __init__(self, site: MariaSite, legacy: Session, new: Session) -> None:
        self.site, self.legacy, self.new = site, legacy, new
        self._mark = quoted(site.name)

    def begun(self) -> bool:
        """Return whether a copy was begun and not ended."""
        return self.site.name in self.new.names("SHOW DATABASES")

    def run(self, deadline: float) -> None:
        """Copy everything and set the position from where new follows."""
        names = databases_of(self.legacy, self.site)
        self._refuse_filled()
        self._end_loader(deadline)
        self._clear()
        self._begin(names)
        there = self._stream(names, deadline)
        own = position(self.new)
        self.new.run("SET GLOBAL gtid_slave_pos = %s", merged(there, own))

    def forget(self) -> bool:
        """Remove the mark: new follows, so the copy was whole."""
        there = self.begun()
        if there:
            self.new.run(f"DROP DATABASE IF EXISTS {self._mark}")
        return there

    def _marked(self) -> set[str]:
        try:
            query = f"SELECT name FROM {self._mark}.copied"  # noqa: S608
            return set(self.new.names(query))
        except Refusal:
            return set()

    def _refuse_filled(self) -> None:
        there = self.new.names(
            "SELECT DISTINCT table_schema FROM information_schema.tables"
        )
        foreign = set(there) & set(databases_of(self.new, self.site)) - self._marked()
        if foreign:
            raise StateConflict(
                f"Cannot link {self.site.item}: new already has tables in "
                f"{', '.join(sorted(foreign))}, and the copy would mix with them. DROP "
                "these databases on new if they are not needed, then run again.",
                filled=sorted(foreign),
            )

    def _end_loader(self, deadline: float) -> None:
        """End what an earlier run has left at work on new."""
        query = "SELECT IS_USED_LOCK(%s)"
        while (number := self.new.value(query, self._loading)) is not None:
            with suppress(Refusal):
                self.new.run(f"KILL HARD CONNECTION {int(number)}")
            if time.monotonic() > deadline:
                raise TimedOut("An earlier copy is still loading into new; end it.")
            time.sleep(0.02)

    @property
    def _loading(self) -> str:
        return f"{self.site.name}_load"

    def _clear(self) -> None:
        self.new.run("SET SESSION foreign_key_checks = 0")
        self.new.run("SET SESSION sql_log_bin = 1")  # new's own replicas follow
        for name in sorted(self._marked()):
            self.new.run(f"DROP DATABASE IF EXISTS {quoted(name)}")
        self.new.run("SET SESSION sql_log_bin = 0")

    def _begin(self, names: Sequence[str]) -> None:
        self.new.run(f"CREATE DATABASE IF NOT EXISTS {self._mark}")
        self.new.run(
            f"CREATE TABLE IF NOT EXISTS {self._mark}.copied (name varchar(64) "
            "COLLATE utf8mb4_bin PRIMARY KEY) ENGINE = InnoDB"
        )
        note = f"REPLACE INTO {self._mark}.copied VALUES (%s)"  # noqa: S608
        for name in names:
            self.new.run(note, name)

    def _stream(self, names: Sequence[str], deadline: float) -> str:
        """Return legacy's position of the dump, which is loaded without an error."""
        lacking = missing_programs()
        if lacking:
            raise DependencyMissing(
                f"{', '.join(lacking)} is not on this host. Install mariadb-client "
                "(role hal9.migrate.state_host does)."
            )
        with (
            _options(self.site.address("legacy")) as one,
            _options(self.site.address("new")) as two,
        ):
            dump = _Child(["mariadb-dump", one.option, *_DUMP, *names], one.number)
            load = _Child(["mariadb", two.option, *_LOAD], two.number)
            return self._piped(dump, load, deadline)

    def _piped(self, dump: _Child, load: _Child, deadline: float) -> str:
        late = threading.Event()

        def end() -> None:
            late.set()
            dump.end()
            load.end()

        timer = threading.Timer(max(0.0, deadline - time.monotonic()), end)
        timer.start()
        try:
            head, tail = self._pumped(dump, load)
            problem = dump.problem() or load.problem()
        except BrokenPipeError:
            problem = load.problem() or "the loading program has ended"
        finally:
            timer.cancel()
            dump.end()
            load.end()
        if late.is_set():
            raise TimedOut(
                "The first copy was not ended in time, so it will be made again from "
                "the start. Give it longer (option wait_seconds) and run again."
            )
        if problem:
            text = cleaned(problem, self.site.secrets)
            raise MigrateError(
                f"The copy of legacy into new failed: {text}. Mend it, then run again: "
                "the copy is made again from the start."
            )
        said = _POSITION.search(head)
        if said is None or _LAST not in tail:
            raise MigrateError(
                "The dump of legacy is not whole: it lacks "
                f"{'its end' if said else 'the GTID position'}. Run again."
            )
        return said.group(1).decode()

    def _pumped(self, dump: _Child, load: _Child) -> tuple[bytes, bytes]:
        head, tail = b"", b""
        load.stdin.write(
            "SET SESSION sql_log_off = 1;\n"
            f"DO GET_LOCK('{self._loading}', 0);\n".encode()
        )
        while piece := dump.stdout.read(PIECE):
            if len(head) < HEAD:
                head += piece
            tail = (tail + piece)[-4096:]
            load.stdin.write(piece)
        load.stdin.close()
        return head, tail


class _Child:
    """A client program; its password is in a file that has no name."""

    def __init__(self, words: Sequence[str], number: int) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._name = words[0]
        self._child = subprocess.Popen(  # pylint: disable=ansible-bad-function
            list(words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            pass_fds=(number,),
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
        )

    @property
    def stdin(self) -> Any:
        """Where it reads from."""
        return self._child.stdin

    @property
    def stdout(self) -> Any:
        """What it says."""
        return self._child.stdout

    def problem(self) -> str:
        """Wait for its end and return what was wrong, nothing if nothing was."""
        code = self._child.wait()
        if code == 0:
            return ""
        self._errors.seek(0)
        said = self._errors.read(4000).decode(errors="replace")
        return f"{self._name} ended with {code}: {said}"

    def end(self) -> None:
        """End it, if it still runs."""
        if self._child.poll() is None:
            self._child.kill()


class _Options:
    """A file of options in memory, open to nobody else."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.option = f"--defaults-file=/proc/self/fd/{number}"


@contextmanager
def _options(address: Address) -> Iterator[_Options]:
    """Give host, user and password to a client; nothing of it is in its arguments.

    The file has no name, so not even a SIGKILL leaves it behind.
    """
    number = os.memfd_create("options")
    try:
        os.fchmod(number, 0o600)
        word = address.password.replace("\\", "\\\\").replace('"', '\\"')
        text = (
            "[client]\nprotocol = tcp\n"
            f"host = {address.host}\nport = {address.port}\n"
            f'user = "{address.user}"\npassword = "{word}"\n'
        )
        os.write(number, text.encode())
        yield _Options(number)
    finally:
        os.close(number)
