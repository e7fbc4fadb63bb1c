# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that outlives the controller: it ends every switch it began."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    Record,
    Request,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.switch import (
    begin,
    carry_out,
    resume,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0, 5.0, 10.0, 10.0, 20.0, 30.0)
GRACE_SECONDS = 60.0


def supervise(place: Place) -> int:
    """End the requested switch; return 0 when it has ended, 1 when it could not be.

    The lock is this process's and its children's: as long as one lives, no other
    switch of the item begins. The secrets go when the switch has ended, and stay (0600)
    for the next attempt when it has not.
    """
    _locked(place)
    for pause in PAUSES:
        time.sleep(pause)
        request = place.request()
        if request is None or _has_ended(place, request):
            place.forget_request()
            return 0
        _watch(
            _start(place, request), request.engine.site.deadline_seconds + GRACE_SECONDS
        )
    request = place.request()
    ended = request is None or _has_ended(place, request)
    if ended:
        place.forget_request()
    return 0 if ended else 1


def _locked(place: Place) -> None:
    """Take the lock; one who only looks whether it is free holds it briefly."""
    limit = time.monotonic() + 1.0
    while place.is_busy() and time.monotonic() < limit:
        time.sleep(0.02)
    place.lock()


def _has_ended(place: Place, request: Request) -> bool:
    said = told(place)
    return said.header.get("id") == request.id and bool(said.ended)


def _start(place: Place, request: Request) -> int:
    """Return the number of a child that works on the switch."""
    child = os.fork()
    if child:
        return child
    try:
        os._exit(_work(place, request))
    except BaseException as error:  # noqa: BLE001  not on into the parent's code
        _log(place, f"{type(error).__name__}")
        os._exit(1)


def _work(place: Place, request: Request) -> int:
    try:
        if told(place).unfinished:
            resume(request.engine, Record(place))
        else:
            carry_out(request.engine, begin(request, place))
    except MigrateError as error:
        _log(place, str(error))
        return 1
    return 0


def _watch(child: int, seconds: float) -> None:
    """Wait for the child; end it when it hangs, so that the next one can undo."""
    deadline = time.monotonic() + seconds
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return
        time.sleep(0.02)


def _log(place: Place, text: str) -> None:
    """Append one line, already free of secrets, to the item's log, if it can be."""
    said = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n"
    with suppress(OSError), open(place.path("log"), "a", encoding="utf-8") as file:
        file.write(said)


def resume_all(root: str) -> int:
    """End every switch that a restart of the host has broken off."""
    ended = [_ended(Place(directory)) for directory in _requested(root)]
    return 0 if all(ended) else 1


def _ended(place: Place) -> bool:
    """Return whether the switch has ended; one at work is somebody else's."""
    return place.is_busy() or supervise(place) == 0


def _requested(root: str) -> list[str]:
    found = []
    for directory, _unused, files in os.walk(root):
        if "request.json" in files:
            found.append(directory)
    return sorted(found)


def main(arguments: list[str] | None = None) -> int:
    """Supervise one directory, or with --all every one below a root."""
    words = sys.argv[1:] if arguments is None else arguments
    if len(words) == 2 and words[0] == "--all":
        return resume_all(words[1])
    return supervise(Place(words[0]))
