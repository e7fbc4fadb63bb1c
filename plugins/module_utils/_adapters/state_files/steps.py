# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The switch of a tree: passes while it is written, the last one under the fence."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Callable

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.durable import (
    sync_directory,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.moment import (
    moment,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files import (
    fence,
    link,
    note,
    passes,
    tree,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.commands import (
    run,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.site import (
    FilesSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    StateReading,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    Facts,
    Intent,
    Step,
    Switch,
)

STEPS: tuple[Step, ...] = (
    Step("look", "the probe can write the source, so it can show the fence"),
    Step("approach", "the target is so near that the last pass is short"),
    Step(
        "fence", "the service cannot write the source: the probe shows it", undone=True
    ),
    Step("drain", "the target has all that the source has, on disk", synced=False),
    Step("reverse", "the link leads back; nothing would be copied", undone=True),
    Step("repoint", "every declared link leads to the target", undone=True),
    Step("open", "the service may write the target"),
    Step("settle", "the probe can write the target"),
)
CLOCK_SECONDS = 0.05
"""A file system's clock is behind by a tick or several."""
PROBES_SECONDS = 5.0


class FilesSwitch(Switch):
    """One switch between two trees on this host."""

    steps = STEPS
    completes_from = "repoint"
    decided_by = "reverse"

    def __init__(self, site: FilesSite, intent: Intent, deadline: float) -> None:
        super().__init__(intent, deadline)
        self.site = site
        self.source, self.target = site.tree(self.from_side), site.tree(self.to_side)

    def act(self, step: str) -> Facts:
        """Take a step."""
        return ACTS[step](self)

    def undo(self, step: str) -> Facts:
        """Undo a step."""
        return UNDOS[step](self)

    def read(self) -> StateReading:
        """Return what both sides show."""
        return link.read(self.site)

    def look(self) -> Facts:
        """Refuse what would fail under the fence."""
        forward = self.read().link(self.to_side)
        if not (forward.active and forward.copied):
            raise StateConflict(
                f"Cannot switch {self.site.item} to {self.to_side}: it is not linked "
                "(run it with state: linked)."
            )
        if not os.access(self.source, os.W_OK):
            raise StateConflict(
                f"{self.source} cannot be written here, so there would be no way back."
            )
        if not fence.probe(self.site, self.from_side, self.deadline):
            raise StateConflict(
                f"The probe of {self.site.item} cannot write {self.from_side} although "
                "it is open, so it cannot show that the fence holds. Mend the probe."
            )
        return {}

    def approach(self) -> Facts:
        """Copy what is new while the source is still written."""
        known = link.approach(self.site, self.to_side, self.deadline)
        if not link.is_small(self.site, known):
            raise TimedOut(
                f"The last pass of {self.site.item} took {known.seconds:g} s for "
                f"{known.size} bytes; {self.site.max_lag_seconds:g} s and "
                f"{self.site.max_lag_bytes} bytes are allowed (max_lag_time, max_lag)."
            )
        return {"seconds": known.seconds}

    def fence(self) -> Facts:
        """Hold the writes, and let the probe show that they are held."""
        began = moment()
        fence.close(self.site, self.from_side, self.deadline)
        held = min(self.deadline, time.monotonic() + PROBES_SECONDS)
        while fence.probe(self.site, self.from_side, self.deadline):
            if time.monotonic() > held:
                raise StateConflict(
                    f"The probe of {self.site.item} still writes {self.from_side} "
                    "behind the fence: the service does not obey it."
                )
        return {"paused_at": began}

    def drain(self) -> Facts:
        """Copy until a whole pass has seen nothing written, by anybody."""
        while True:
            self._await_writers()
            began = time.time()
            link.one_pass(self.site, self.to_side, self.deadline, complete=True)
            base = os.fsencode(self.source)
            late = next(tree.changed_since(base, began - CLOCK_SECONDS), None)
            if late is None:
                break
            self._refuse_late(late)
        self._make_certain()
        run(["sync", "-f", "--", self.target], self.deadline)
        return {"fence_lsn": time.strftime("%FT%TZ", time.gmtime(began))}

    def _await_writers(self) -> None:
        """Wait for writes that had begun before the fence."""
        while pids := tree.writers_of(self.source):
            if time.monotonic() > self.deadline:
                raise TimedOut(
                    f"Processes {', '.join(map(str, pids[:10]))} hold files below "
                    f"{self.source} open for writing. End them, then run again."
                )
            time.sleep(0.02)

    def _refuse_late(self, path: bytes) -> None:
        if time.monotonic() > self.deadline:
            raise StateConflict(
                f"Somebody writes {tree.shown(path)} in {self.source} behind the "
                "fence. Find out who does (fatrace, lsof), then run again."
            )
        time.sleep(CLOCK_SECONDS)

    def _make_certain(self) -> None:
        """Copy again what size and time do not show to be different."""
        known = note.read(self.site)
        if known is None:
            raise AssertionError
        base, there = os.fsencode(self.source), os.fsencode(self.target)
        doubtful = tree.changed_since(base, known.since - CLOCK_SECONDS)
        wrong = [
            path
            for path in doubtful
            if path and tree.signature(base, path) != tree.signature(there, path)
        ]
        if wrong:
            passes.certain(self.site, self.to_side, wrong, self.deadline)

    def reverse(self) -> Facts:
        """Turn the link round, before the target's first write."""
        self._lead(self.from_side)
        return {}

    def _lead(self, side: Side) -> None:
        known = note.read(self.site)
        if known is None:
            raise AssertionError
        note.refuse_other_roots(self.site, known)
        if known.toward != side:
            turned = replace(known, toward=side, since=time.time(), size=0, seconds=0.0)
            note.save(self.site, turned)

    def repoint(self) -> Facts:
        """Let every declared link lead to the target."""
        self._point_at(self.target)
        return {}

    def _point_at(self, tree_of: str) -> None:
        for path in self.site.links:
            if link.leads_to(path) == tree_of:
                continue
            fresh = f"{path}.hal9-{os.getpid()}"
            os.symlink(tree_of, fresh)
            os.replace(fresh, path)
            sync_directory(os.path.dirname(path))

    def open(self) -> Facts:
        """Let the service write the target; the source must be shut."""
        if fence.is_open(self.site, self.from_side, self.deadline):
            raise StateConflict(
                f"{self.from_side} is open, so {self.to_side} stays shut."
            )
        self.opened = True
        fence.let_in(self.site, self.to_side, self.deadline)
        return {"resumed_at": moment()}

    def settle(self) -> Facts:
        """See that the service writes where it should."""
        if not fence.probe(self.site, self.to_side, self.deadline):
            raise MigrateError(
                f"{self.to_side} is open, but the probe cannot write it. Look at the "
                "service and its rights on the tree, then run again."
            )
        return {}

    def undo_fence(self) -> Facts:
        """Let the service write the source again; the target must be shut."""
        if fence.is_open(self.site, self.to_side, self.deadline):
            raise StateConflict(
                f"{self.to_side} is open, so {self.from_side} stays shut."
            )
        fence.let_in(self.site, self.from_side, self.deadline)
        return {}

    def undo_reverse(self) -> Facts:
        """Turn the link to the target again: nothing else has written there."""
        self._lead(self.to_side)
        return {}

    def undo_repoint(self) -> Facts:
        """Let every link lead to the source again."""
        self._point_at(self.source)
        return {}


ACTS: Mapping[str, Callable[[FilesSwitch], Facts]] = {
    "look": FilesSwitch.look,
    "approach": FilesSwitch.approach,
    "fence": FilesSwitch.fence,
    "drain": FilesSwitch.drain,
    "reverse": FilesSwitch.reverse,
    "repoint": FilesSwitch.repoint,
    "open": FilesSwitch.open,
    "settle": FilesSwitch.settle,
}
UNDOS: Mapping[str, Callable[[FilesSwitch], Facts]] = {
    "fence": FilesSwitch.undo_fence,
    "reverse": FilesSwitch.undo_reverse,
    "repoint": FilesSwitch.undo_repoint,
}
