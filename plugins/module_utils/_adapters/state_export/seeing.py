# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to see of an export without changing anything."""

from __future__ import annotations

import fcntl
import os
import time
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.course import (
    read_progress,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.directory import (
    ExportDirectory,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_manifest import (
    totals,
)

LOOK_SECONDS = 0.2


def seen(path: str, key: str, progress: str) -> dict[str, Any]:
    """Return whether an export is there, how far, and what its manifest says.

    A manifest that is not to be trusted raises MigrateError.
    """
    place = ExportDirectory(path)
    found: dict[str, Any] = {
        "changed": False,
        "where": place.path,
        "state": _state(place),
        "progress": read_progress(progress),
        "manifest": {},
    }
    if found["state"] == "complete":
        manifest, _unused = place.manifest(key)
        found["manifest"] = totals(manifest)
    return found


def _state(place: ExportDirectory) -> str:
    if place.is_complete:
        return "complete"
    if _is_locked(place.file("LOCK")):
        return "running"
    return "begun" if os.path.lexists(place.file("plan.json")) else "absent"


def _is_locked(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def after_a_while(path: str, key: str, progress: str, seconds: float) -> dict[str, Any]:
    """Return the same after so long, or as soon as what was running ends."""
    limit = time.monotonic() + seconds
    was_running = False
    while time.monotonic() < limit:
        is_running = read_progress(progress).get("state") == "running"
        if was_running and not is_running:
            break
        was_running = is_running
        time.sleep(LOOK_SECONDS)
    try:
        return {**seen(path, key, progress), "waited_seconds": seconds}
    except MigrateError:
        if not seconds:
            raise
        # Who waits wants progress; the export or import itself says what is wrong.
        told = read_progress(progress)
        return {"changed": False, "progress": told, "waited_seconds": seconds}
