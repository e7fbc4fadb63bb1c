# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares two trees path by path, by digests, also while one is written."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files import (
    link,
    note,
    tree,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.site import (
    FilesSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Difference,
    Kind,
)

LOOKS = 3
PASS_SECONDS = 3600.0
CLOCK_SECONDS = 0.05


@dataclass(frozen=True)
class Verification:
    """The comparison of one item; the names of a directory are in memory at a time.

    What was written since the link's last pass is compared after another pass: that is
    the lag of a tree.
    """

    site: FilesSite
    limit: int = 1000

    def run(self) -> dict[str, Any]:
        """Return what is the same and what is not."""
        began, since = time.monotonic(), time.time()
        authority = link.read(self.site).authority
        if authority is None:
            raise MigrateError(
                f"Cannot compare {self.site.item}: it is unclear which side is written "
                "(both or none is open). End the switch first."
            )
        with ThreadPoolExecutor(2) as pool:
            found = _Comparison(self, authority, pool).run()
        known = note.read(self.site)
        if found["equal"] and known is not None:
            note.save(self.site, replace(known, since=since))
        spent = round(time.monotonic() - began, 2)
        return {**found, "changed": False, "seconds": spent}


class _Comparison:
    def __init__(
        self, asked: Verification, source: Side, pool: ThreadPoolExecutor
    ) -> None:
        self.asked, self.pool = asked, pool
        self.site, self.toward = asked.site, other(source)
        self.source = os.fsencode(self.site.tree(source))
        self.target = os.fsencode(self.site.tree(self.toward))
        self.seen = 0

    def run(self) -> dict[str, Any]:
        wrong: list[Difference] = []
        hot: list[bytes] = []
        for path in self._differing():
            if len(wrong) + len(hot) >= self.asked.limit:
                break
            if self._is_hot(path):
                hot.append(path)
            else:
                wrong.append(self._difference(path))
        for _unused in range(LOOKS if hot else 0):
            deadline = time.monotonic() + PASS_SECONDS
            link.one_pass(self.site, self.toward, deadline, complete=True)
            left = [path for path in hot if not self._is_same(path)]
            wrong += [self._difference(path) for path in left if not self._is_hot(path)]
            hot = [path for path in left if self._is_hot(path)]
        return self._told(wrong, [self._difference(path) for path in hot])

    def _told(self, wrong: list[Difference], hot: list[Difference]) -> dict[str, Any]:
        name = os.fsdecode(self.source)
        equal = not (wrong or hot)
        table = {"name": name, "rows": self.seen, "chunks": 1, "equal": equal}
        return {
            "equal": equal,
            "rows": self.seen,
            "tables": [table],
            "differing": [asdict(each) for each in wrong],
            "unsettled": [asdict(each) for each in hot],
            "structure": [],
        }

    def _differing(self) -> Iterator[bytes]:
        """Yield each path that is not the same on both sides."""
        pending = [b""]
        while pending:
            below = pending.pop()
            here = tree.names(os.path.join(self.source, below))
            there = tree.names(os.path.join(self.target, below))
            for name in sorted({*here, *there}):
                path = os.path.join(below, name)
                self.seen += 1
                if not self._is_same(path):
                    yield path
                elif _is_directory(os.path.join(self.source, path)):
                    pending.append(path)

    def _is_same(self, path: bytes) -> bool:
        left = self.pool.submit(tree.signature, self.source, path)
        right = self.pool.submit(tree.signature, self.target, path)
        return bool(left.result() == right.result())

    def _is_hot(self, path: bytes) -> bool:
        """Say whether the source changed a path since the link's last pass began."""
        known = note.read(self.site)
        if known is None or known.toward != self.toward:
            return False
        return tree.changed_at(self.source, path) >= known.began - CLOCK_SECONDS

    def _difference(self, path: bytes) -> Difference:
        kind: Kind = "changed"
        if tree.signature(self.target, path) is None:
            kind = "lost"
        elif tree.signature(self.source, path) is None:
            kind = "extra"
        return Difference(os.fsdecode(self.source), tree.shown(path), kind)


def _is_directory(full: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(full).st_mode)
    except FileNotFoundError:
        return False
