# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs run as children: bounded, ended with us, their errors free of secrets."""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.mortal import (
    end_with_us,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.redaction import (
    redact,
    secret_texts,
)

SAID = 1500
"""So many characters of what a program said are shown, its last ones."""


@dataclass(frozen=True)
class Account:
    """Who a program runs as; None: we ourselves."""

    name: str
    uid: int
    gid: int


def account(name: str) -> Account | None:
    """Return the account to run a server as: only root hands it over."""
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise DependencyMissing(
            f"There is no user {name} here, and a server must not run as root. Install "
            "the server's package on this host."
        ) from None
    return Account(name, found.pw_uid, found.pw_gid)


def program(name: str, package: str, *places: str) -> str:
    """Return the path of a program, else say which package brings it."""
    for place in places:
        path = os.path.join(place, name)
        if os.access(path, os.X_OK):
            return path
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin")
    if not found:
        raise DependencyMissing(
            f"The program {name} is not on this host. Install the package {package}."
        )
    return found


@dataclass(frozen=True)
class Runner:
    """Runs programs until a deadline; ``hidden`` never shows in what they said."""

    until: float
    hidden: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def within(cls, seconds: float, secrets: Sequence[str]) -> Runner:
        """Return one that has so many seconds from now on, for all of its programs."""
        return cls(time.monotonic() + seconds, secret_texts(filter(None, secrets)))

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return max(0.1, self.until - time.monotonic())

    def clean(self, text: str) -> str:
        """Return what may be shown of a text: its end, on one line."""
        line = " ".join(text.split())
        return str(redact(line[-SAID:], self.hidden))

    def run(self, command: Sequence[str], **options: Any) -> str:
        """Run one program and return what it said on stdout."""
        with tempfile.TemporaryFile() as said:
            self.pipe([command], stdout=said, **options)
            said.seek(0)
            return said.read().decode(errors="replace")

    def pipe(
        self,
        commands: Sequence[Sequence[str]],
        *,
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
        env: Mapping[str, str] | None = None,
        who: Account | None = None,
        cwd: str | None = None,
        saw: Callable[[bytes], None] | None = None,
    ) -> None:
        """Run programs, each fed by the one before; all must end well.

        ``saw`` is shown what the first one says, block by block, and an empty block at
        its end.
        """
        children: list[tuple[subprocess.Popen[bytes], IO[bytes]]] = []
        with ExitStack() as stack:
            stack.callback(_end, children)
            source: Any = stdin or subprocess.DEVNULL
            first, relay = None, (-1, -1)
            for number, command in enumerate(commands):
                said = stack.enter_context(tempfile.TemporaryFile())
                last = number + 1 == len(commands)
                sink: Any = (stdout or subprocess.DEVNULL) if last else subprocess.PIPE
                child = start(command, env, who, cwd, stdin=source, out=sink, err=said)
                children.append((child, said))
                if number and source is not subprocess.DEVNULL:
                    source.close()  # so that the one before learns of our end
                source = child.stdout
                if saw and not number:
                    first, relay = child.stdout, os.pipe()
                    source = stack.enter_context(open(relay[0], "rb"))
            if saw and first is not None:
                self._show(first, relay[1], saw)
            self._await(children, commands)

    def _show(self, first: IO[bytes], relay: int, saw: Callable[[bytes], None]) -> None:
        """Hand on what the first program says, and show it on the way."""
        with first, open(relay, "wb", buffering=0) as target:
            while select.select([first], [], [], self.left)[0]:
                block = os.read(first.fileno(), 1 << 20)
                saw(block)
                if not block:
                    return
                try:
                    target.write(block)
                except BrokenPipeError:
                    return  # who reads has failed, and says why

    def _await(
        self,
        children: Sequence[tuple[subprocess.Popen[bytes], IO[bytes]]],
        commands: Sequence[Sequence[str]],
    ) -> None:
        try:
            codes = [child.wait(self.left) for child, _said in children]
        except subprocess.TimeoutExpired:
            names = ", ".join(os.path.basename(command[0]) for command in commands)
            raise TimedOut(
                f"{names} did not end in the time given and was ended. Give it more "
                "(`deadline` of the backup), or look why it is slow."
            ) from None
        wrong = [i for i, code in enumerate(codes) if code != 0]
        if wrong:
            # Who was only cut off by the end of another tells less.
            told = [i for i in wrong if codes[i] != -signal.SIGPIPE] or wrong
            raise self._failed(commands, codes, children, told)

    def _failed(
        self,
        commands: Sequence[Sequence[str]],
        codes: Sequence[int],
        children: Sequence[tuple[subprocess.Popen[bytes], IO[bytes]]],
        told: Sequence[int],
    ) -> MigrateError:
        parts = []
        for index in told:
            said = children[index][1]
            said.seek(0)
            text = said.read().decode(errors="replace")
            if text.startswith("--------------"):  # mariadb: the statement and its rows
                text = "ERROR " + text.rpartition("\nERROR ")[2]
            text = self.clean(text)
            name = os.path.basename(commands[index][0])
            parts.append(f"{name} ended with {codes[index]}: {text or '(no word)'}")
        return MigrateError("; ".join(parts))


def start(
    command: Sequence[str],
    env: Mapping[str, str] | None,
    who: Account | None,
    cwd: str | None,
    *,
    stdin: Any = subprocess.DEVNULL,
    out: Any = subprocess.DEVNULL,
    err: Any = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a program that the kernel ends when we are gone, even by SIGKILL."""
    try:
        return subprocess.Popen(  # pylint: disable=ansible-bad-function
            list(command),
            stdin=stdin,
            stdout=out,
            stderr=err,
            env={**_environment(), **(env or {})},
            cwd=cwd,
            preexec_fn=end_with_us,  # noqa: PLW1509  (one system call)
            start_new_session=True,
            user=who.uid if who else None,
            group=who.gid if who else None,
            extra_groups=[] if who else None,
        )
    except OSError as error:
        raise DependencyMissing(
            f"{command[0]} cannot be run: {error.strerror}."
        ) from None


def _environment() -> dict[str, str]:
    """Return what every program gets: no variable of ours that changes what it does."""
    path = os.environ.get("PATH", os.defpath)
    found = {"PATH": path, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    return {**found, "HOME": os.environ.get("HOME", "/")}


def _end(children: Sequence[tuple[subprocess.Popen[bytes], IO[bytes]]]) -> None:
    for child, _said in children:
        if child.poll() is None:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()
