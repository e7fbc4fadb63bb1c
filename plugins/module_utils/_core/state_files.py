# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What two trees of files need to be moved: facts in, items out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    ReadinessItem,
    item,
)

RSYNC_SINCE = (3, 2)


@dataclass(frozen=True)
class TreeFacts:
    """What one tree shows."""

    side: str
    path: str
    is_directory: bool
    entries: int = 0
    size: int = 0
    free: int = 0
    specials: tuple[str, ...] = ()
    inward: tuple[str, ...] = ()


@dataclass(frozen=True)
class FilesFacts:
    """What the host shows; ``links`` are declared links with where they lead."""

    legacy: TreeFacts
    new: TreeFacts
    rsync: tuple[int, ...]
    is_root: bool
    links: tuple[tuple[str, str], ...] = ()
    same_roots: bool = True


def items(
    facts: FilesFacts, *, linked: bool, authority: str
) -> tuple[ReadinessItem, ...]:
    """Return every item, in the order in which an operator would mend them."""
    source, target = facts.legacy, facts.new
    if authority == "new":
        source, target = target, source
    return (
        *_host_items(facts),
        *_tree_items(source, target),
        *_link_items(facts, source),
        item(
            "new.entries",
            facts.new.entries,
            "0: linking removes what legacy has not",
            f"See whether anybody needs them; empty {facts.new.path}.",
            holds=linked or facts.new.entries == 0,
        ),
        item(
            "roots",
            "those that were linked" if facts.same_roots else "other directories",
            "both trees are those that were linked",
            "A mount may be missing: see that both trees are there.",
            holds=facts.same_roots,
        ),
    )


def _host_items(facts: FilesFacts) -> Iterator[ReadinessItem]:
    yield item(
        "rsync",
        ".".join(map(str, facts.rsync)) or "none",
        "3.2 or newer",
        "Install rsync (role hal9.migrate.state_host does).",
        holds=facts.rsync >= RSYNC_SINCE,
    )
    yield item(
        "root",
        "root" if facts.is_root else "another user",
        "root: owners are kept, and open files of others are seen",
        "Run the module as root (become).",
        "warning",
        holds=facts.is_root,
    )
    for tree in (facts.legacy, facts.new):
        yield item(
            f"{tree.side}.directory",
            "a directory" if tree.is_directory else "none",
            f"{tree.path} is a directory, not a link",
            f"Make {tree.path} (or mount it), with the service's rights.",
            holds=tree.is_directory,
        )


def _tree_items(source: TreeFacts, target: TreeFacts) -> Iterator[ReadinessItem]:
    room = target.free + target.size
    yield item(
        f"{target.side}.room",
        f"{room} bytes",
        f"the {source.size} bytes of {source.side}, and a tenth more",
        f"Make room on the file system of {target.path}.",
        holds=room >= source.size * 1.1,
    )
    yield item(
        f"{source.side}.specials",
        source.specials,
        "no device, socket or pipe: nothing is in them to be moved",
        "See that the service makes them again; they are copied as they are by root.",
        "warning",
        holds=not source.specials,
    )
    yield item(
        f"{source.side}.links",
        source.inward,
        "no absolute symbolic link into the tree itself",
        f"Make them relative: on {target.side} they would lead back here.",
        holds=not source.inward,
    )


def _link_items(facts: FilesFacts, source: TreeFacts) -> Iterator[ReadinessItem]:
    for path, target in facts.links:
        yield item(
            f"link.{path}",
            target or "no symbolic link",
            f"a symbolic link to {source.path}",
            f"ln -sfn {source.path} {path}",
            holds=target == source.path,
        )
