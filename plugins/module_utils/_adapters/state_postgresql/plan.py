# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a switch of PostgreSQL, and their promises."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    Step,
)

STEPS: tuple[Step, ...] = (
    Step("look", "nothing stands against it; what is to be restored is known"),
    Step("prepare", "the reverse link is made, but sleeps", undone=True),
    Step("pause", "every PgBouncer holds its clients", undone=True),
    Step(
        "fence",
        "the application cannot log in on the source",
        undone=True,
        synced=False,
    ),
    Step("drain", "the target has applied all that the source took", synced=False),
    Step(
        "stop_forward", "nothing flows from source to target", undone=True, synced=False
    ),
    Step(
        "sequences",
        "the target's sequences go on where the source's ended",
        synced=False,
    ),
    Step(
        "advance",
        "the reverse link begins after the last write of the source",
        synced=False,
    ),
    Step("enable_reverse", "the source follows the target", undone=True, synced=False),
    Step("repoint", "every PgBouncer points at the target", undone=True, synced=False),
    Step("open", "the application may log in on the target"),
    Step("resume", "every PgBouncer lets its clients go on", synced=False),
    Step("settle", "the old link and its slot are gone, settings are as before"),
)
"""In order. All up to ``repoint`` can be undone; ``open`` is the point of no return."""
COMPLETES_FROM = "repoint"
