# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence of a tree: a marker that the service obeys or commands; and its proof."""

from __future__ import annotations

import os

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.durable import (
    sync_directory,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.commands import (
    run,
    said,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.site import (
    FilesSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side


def is_open(site: FilesSite, side: Side, deadline: float) -> bool:
    """Say whether the service may write the tree of a side."""
    if site.fence.marker:
        return not os.path.lexists(_marker(site, side))
    return run(site.meant(site.fence.is_open, side), deadline).returncode == 0


def close(site: FilesSite, side: Side, deadline: float) -> None:
    """Hold the service's writes; nothing is done when they are."""
    if not is_open(site, side, deadline):
        return
    if not site.fence.marker:
        _checked(site, side, "close", deadline)
        return
    path = _marker(site, side)
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
    os.close(descriptor)
    sync_directory(os.path.dirname(path))


def let_in(site: FilesSite, side: Side, deadline: float) -> None:
    """Let the service write again; nothing is done when it may."""
    if is_open(site, side, deadline):
        return
    if not site.fence.marker:
        _checked(site, side, "open", deadline)
        return
    path = _marker(site, side)
    os.unlink(path)
    sync_directory(os.path.dirname(path))


def probe(site: FilesSite, side: Side, deadline: float) -> bool:
    """Write as the service does; say whether that was let through."""
    return run(site.meant(site.fence.probe, side), deadline).returncode == 0


def _marker(site: FilesSite, side: Side) -> str:
    return site.meant([site.fence.marker], side)[0]


def _checked(site: FilesSite, side: Side, verb: str, deadline: float) -> None:
    words = site.meant(getattr(site.fence, verb), side)
    done = run(words, deadline)
    held = not is_open(site, side, deadline)
    if held is not (verb == "close"):
        raise MigrateError(
            f"The command fence.{verb} of {site.item} ({words[0]}) did not {verb} the "
            f"tree of {side}: is_open says otherwise. It said: {said(done)}"
        )
