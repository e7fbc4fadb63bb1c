# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The link of one tree: made ready, linked by passes, read, dropped."""

from __future__ import annotations

import os
import re
import time

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files import (
    fence,
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
    DependencyMissing,
    MigrateError,
    StateConflict,
    TimedOut,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    LinkReading,
    StateReading,
    TableCopy,
    other,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_engine import (
    Survey,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_files import (
    FilesFacts,
    TreeFacts,
    items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    blocking,
)

READ_SECONDS = 30.0
MOST_PASSES = 20


def soon() -> float:
    """Return the moment by which a look must have ended."""
    return time.monotonic() + READ_SECONDS


def read(site: FilesSite) -> StateReading:
    """Return what fences and the note show; change nothing."""
    known = note.read(site)
    return StateReading(
        legacy_open=fence.is_open(site, "legacy", soon()),
        new_open=fence.is_open(site, "new", soon()),
        to_new=_link(site, "new", known),
        to_legacy=_link(site, "legacy", known),
    )


def _link(site: FilesSite, toward: Side, known: note.Note | None) -> LinkReading:
    if known is None or known.toward != toward:
        return LinkReading(toward, exists=False)
    here = note.is_same(site, known)
    state = "r" if known.complete else "d"
    return LinkReading(
        toward,
        exists=True,
        enabled=True,
        active=here,
        tables=(TableCopy(site.tree(other(toward)), state),),
        lag_bytes=known.size,
        lag_seconds=known.seconds,
    )


def survey(site: FilesSite) -> Survey:
    """Return what was read and every readiness item."""
    reading, known = read(site), note.read(site)
    facts = FilesFacts(
        legacy=_tree(site, "legacy"),
        new=_tree(site, "new"),
        rsync=_rsync(),
        is_root=os.geteuid() == 0,
        links=tuple((path, leads_to(path)) for path in site.links),
        same_roots=known is None or note.is_same(site, known),
    )
    authority = reading.authority or "legacy"
    found = items(facts, linked=known is not None, authority=authority)
    return Survey(reading, found)


def leads_to(path: str) -> str:
    """Return where a symbolic link leads, normalised; empty when it is none."""
    try:
        return os.path.normpath(os.readlink(path))
    except OSError:
        return ""


def _tree(site: FilesSite, side: Side) -> TreeFacts:
    path = site.tree(side)
    if os.path.islink(path) or not os.path.isdir(path):
        return TreeFacts(side, path, is_directory=False)
    size, disk = tree.measured(path), os.statvfs(path)
    return TreeFacts(
        side,
        path,
        is_directory=True,
        entries=size.entries,
        size=size.size,
        free=disk.f_bavail * disk.f_frsize,
        specials=size.specials,
        inward=size.inward,
    )


def _rsync() -> tuple[int, ...]:
    try:
        said = run(["rsync", "--version"], soon()).stdout
    except DependencyMissing:
        return ()
    found = re.search(rb"version (\d+)\.(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else ()


def is_linked(site: FilesSite) -> bool:
    """Say whether link has nothing to do."""
    live = read(site).live
    return live is not None and live.active and live.copied


def link(site: FilesSite, wait_seconds: float) -> bool:
    """Make new like legacy by passes; return whether anything was changed."""
    if is_linked(site):
        return False
    _refuse_unready(site)
    deadline = time.monotonic() + wait_seconds
    fence.close(site, "new", deadline)
    if note.read(site) is None:
        roots = note.roots_of(site)
        note.save(site, note.Note("new", time.time(), roots))
    approach(site, "new", deadline)
    return True


def _refuse_unready(site: FilesSite) -> None:
    seen = survey(site)
    if seen.reading.authority != "legacy":
        raise StateConflict(
            f"Cannot link {site.item}: the authority is "
            f"{seen.reading.authority or 'unclear'}, and only legacy can be linked to "
            "new. Look at it with hal9.migrate.replication_info."
        )
    bad = blocking(seen.items)
    if bad:
        said = "; ".join(
            f"{each.id}: {each.observed}, required {each.required}. {each.remedy}"
            for each in bad
        )
        raise MigrateError(
            f"Cannot link {site.item}: {said}",
            items=[each.as_dict() for each in bad],
        )


def approach(site: FilesSite, toward: Side, deadline: float) -> note.Note:
    """Make passes while it is written, until one is as small as the switch allows."""
    for _unused in range(MOST_PASSES):
        known = one_pass(site, toward, deadline, complete=True)
        if is_small(site, known):
            break
    return known


def is_small(site: FilesSite, known: note.Note) -> bool:
    """Say whether the latest pass was short enough to be done under the fence."""
    short = known.seconds <= site.max_lag_seconds
    return short and known.size <= site.max_lag_bytes


def one_pass(
    site: FilesSite, toward: Side, deadline: float, *, complete: bool
) -> note.Note:
    """Make one pass and note it."""
    known = note.read(site)
    if known is None or known.toward != toward:
        raise StateConflict(f"{site.item} is not linked to {toward}. Link it first.")
    if time.monotonic() > deadline:
        raise TimedOut(f"The time for the passes of {site.item} is up. Run again.")
    note.refuse_other_roots(site, known)
    known = known.after(passes.whole(site, toward, deadline), complete=complete)
    note.save(site, known)
    return known


def drop(site: FilesSite) -> bool:
    """Forget the link; the side that is not the authority stays shut."""
    reading = read(site)
    if note.read(site) is None:
        return False
    if reading.authority is None:
        raise StateConflict(
            f"Cannot unlink {site.item}: it is unclear which side is written (both or "
            "none is open). End the switch first."
        )
    fence.close(site, other(reading.authority), soon())
    note.forget(site)
    return True
