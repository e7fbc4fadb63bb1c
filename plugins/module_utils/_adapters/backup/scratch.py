# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scratch directory and a server in it: ours alone, gone when we are."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.programs import (
    Account,
    Runner,
    start,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    Hindered,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
)


@contextmanager
def scratch(parent: str, catalogue: str, who: Account | None) -> Iterator[str]:
    """Give an empty directory that only ``who`` and root enter; it is removed after.

    Its name is that of the catalogue, whose lock is held: what a killed run has left
    under it is removed first.
    """
    name = hashlib.sha256(os.path.realpath(catalogue).encode()).hexdigest()[:10]
    place = os.path.join(parent, f"hal9-scratch-{name}")
    _remove(place, who)
    try:
        os.makedirs(parent, exist_ok=True)
        os.mkdir(place, 0o700)
        if who:
            os.chown(place, who.uid, who.gid)
    except OSError as error:
        raise Hindered(f"{place}: {error.strerror}. Name another `scratch`.") from None
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _remove(place: str, who: Account | None) -> None:
    try:
        found = os.lstat(place)
    except FileNotFoundError:
        return
    ours = {os.geteuid(), who.uid if who else os.geteuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours:
        raise Hindered(
            f"{place} is in the way and not ours. Look what it is, and remove it."
        )
    shutil.rmtree(place)


@contextmanager
def server(
    command: Sequence[str],
    who: Account | None,
    place: str,
    answers: Callable[[], bool],
    runner: Runner,
    seconds: float = 120,
    env: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run a server as ``who`` while it is needed; it is given up when it is done."""
    log = os.path.join(place, "server.log")
    with open(log, "wb") as said:
        child = start(command, env, who, place, out=said, err=subprocess.STDOUT)
    try:
        _await(child, answers, min(seconds, runner.left), log, runner)
        try:
            yield
        except MigrateError as error:
            if child.poll() is not None:
                why = f"The scratch server ended: {_said(log, runner)}. {error}"
                raise Hindered(why) from None
            raise
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _await(
    child: subprocess.Popen[bytes],
    answers: Callable[[], bool],
    seconds: float,
    log: str,
    runner: Runner,
) -> None:
    until = time.monotonic() + seconds
    while not answers():
        ended = child.poll() is not None
        if ended or time.monotonic() > until:
            said = _said(log, runner)
            if ended:
                raise MigrateError(f"The scratch server ended: {said}")
            raise TimedOut(
                f"The scratch server does not answer after {seconds:.0f} s: {said}"
            )
        time.sleep(0.05)


def _said(log: str, runner: Runner) -> str:
    with open(log, encoding="utf-8", errors="replace") as file:
        return runner.clean(file.read()) or "(no word)"
