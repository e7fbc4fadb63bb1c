# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows out of the server in big blocks: psql takes them, Python never sees one."""

from __future__ import annotations

import os
import re
import select
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export import (
    holder,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.pieces import (
    BLOCK,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql import (
    psql,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.schema import (
    services_of,
    workplace,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    cleaned,
    parameters,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_plan import (
    Snapshot,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side

LOOK_MILLISECONDS = 1000
END_SECONDS = 10.0
_ROWS = "rows"
_ENDED = "that is all"
_PREFIX = re.compile(r"psql:<stdin>:\d+: |psql: ")
_VARIABLE = re.compile(r"(?<!:):(?:\{\?|['\"])?(\w+)")


@contextmanager
def opened(
    site: Site, side: Side, settings: Mapping[str, str], check: Callable[[], None]
) -> Iterator[Outflow]:
    """Connect; ``check`` is asked each second whether to stop."""
    with workplace(site) as place:
        os.mkfifo(os.path.join(place, _ROWS), 0o600)
        with open(os.path.join(place, "said"), "wb") as said:
            begun = psql.begun(
                place,
                f"service={side}",
                given=subprocess.PIPE,
                taken=subprocess.PIPE,
                said=said,
            )
        try:
            found = Outflow(site, side, place, begun, check)
            for name, value in settings.items():
                found.tell(f"SET {name} = '{value}';\n".encode())
            found.listed("\\set")
            os.unlink(services_of(place))  # no password is left when we are killed
            yield found
        finally:
            begun.kill()
            begun.wait()
            for pipe in (begun.stdin, begun.stdout):
                if pipe:
                    pipe.close()


class Outflow:
    """One connection of psql; it ends with its exporter, whose pipe it reads."""

    def __init__(
        self,
        site: Site,
        side: Side,
        place: str,
        begun: subprocess.Popen[bytes],
        check: Callable[[], None],
    ) -> None:
        """Speak to a psql that has begun; ``rows`` are those of the last query."""
        self.rows = 0
        self._site, self._side, self._place = site, side, place
        self._begun, self._check, self._told = begun, check, b""

    def join(self, snapshot: Snapshot) -> bool:
        """See what the snapshot sees; return False when it is lost."""
        name = snapshot.name.replace("'", "''")
        self.tell(f"{holder.BEGIN};\nSET TRANSACTION SNAPSHOT '{name}';\n".encode())
        self.tell(f"{holder.VIEW};\n".encode())
        try:
            return self._answer() == snapshot.view
        except Unreachable:
            raise
        except MigrateError as error:
            if "snapshot" not in str(error):
                raise
            return False

    def listed(self, command: str) -> list[str]:
        """Return the lines that a command of psql gives."""
        self.tell(f"{command}\n\\echo {_ENDED}\n".encode())
        return list(iter(self._answer, _ENDED))

    def refuse_variables(self, table: str, text: str) -> None:
        """Raise MigrateError for SQL of an operator that psql would change.

        A server that has prepared the text has seen that it is one statement; what is
        left are array slices that read like a variable of psql.
        """
        known = {line.partition(" = ")[0] for line in self.listed("\\set")}
        for name in _VARIABLE.findall(text):
            if name in known:
                raise MigrateError(
                    f"The filter of {table} is refused: psql would read :{name} as its "
                    f"own variable. Write a space after the colon, or ':' || '{name}'."
                )

    def blocks(self, query: bytes) -> Iterator[memoryview]:
        """Yield what a COPY gives; a block holds until the next one is asked for."""
        pipe = os.open(
            os.path.join(self._place, _ROWS), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        )
        try:
            psql.widen(pipe)
            self.tell(query + f" \\g {_ROWS}\n\\echo :ROW_COUNT\n".encode())
            yield from self._filled(pipe)
        finally:
            os.close(pipe)
        self.rows = int(self._answer())

    def _filled(self, pipe: int) -> Iterator[memoryview]:
        block, size = memoryview(bytearray(BLOCK)), 0
        while True:
            self._await(pipe)
            got = os.readv(pipe, [block[size:]])
            if not got:
                break
            size += got
            if size == BLOCK:
                yield block
                size = 0
            else:
                psql.let_fill(got)
        if size:
            yield block[:size]

    def _await(self, pipe: int) -> None:
        """Return when the pipe has something, or is closed by who wrote to it."""
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        if pipe != self._answers.fileno():
            poll.register(self._answers, 0)  # tells that psql has ended
        while True:
            found = dict(poll.poll(LOOK_MILLISECONDS))
            if pipe in found:
                return
            if found:
                raise self._failure()
            self._check()

    @property
    def _answers(self) -> IO[bytes]:
        if self._begun.stdout is None:
            raise AssertionError
        return self._begun.stdout

    def tell(self, text: bytes) -> None:
        """Give psql its next lines."""
        if self._begun.stdin is None:
            raise AssertionError
        try:
            self._begun.stdin.write(text)
        except BrokenPipeError:
            raise self._failure() from None

    def _answer(self) -> str:
        while b"\n" not in self._told:
            self._await(self._answers.fileno())
            part = os.read(self._answers.fileno(), 4096)
            if not part:
                raise self._failure()
            self._told += part
        line, _unused, self._told = self._told.partition(b"\n")
        return line.decode(errors="replace")

    def _failure(self) -> MigrateError:
        """Return psql's last words as our error, without any secret."""
        try:
            self._begun.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._begun.kill()
        with open(os.path.join(self._place, "said"), "rb") as file:
            said = _PREFIX.sub("", file.read(8000).decode(errors="replace"))
        text = cleaned(said, self._site.secrets) or "psql ended without a word"
        where = parameters(self._site.dsn(self._side), f"the {self._side} database")
        named = f"{where.get('host', 'local')}:{where.get('port', 5432)}"
        kind = Unreachable if "connection" in text else MigrateError
        return kind(f"{self._side} database ({named}): {text}")
