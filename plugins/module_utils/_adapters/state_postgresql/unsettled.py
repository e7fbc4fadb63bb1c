# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that were written at every look: kept, and compared again inside the fence."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.durable import (
    write_durably,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.rows import (
    canonical,
    tables_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Difference,
    differences,
    grouped,
)

Key = list[str]
"""A table and the text of a key in it."""
FILE = "unsettled.json"


def keep(directory: str, source: Side, found: Iterable[Difference]) -> None:
    """Leave the keys for the next switch away from ``source``, in place of others."""
    keys = [[each.table, each.key] for each in found]
    if directory and (keys or read(directory, source)):
        os.makedirs(directory, mode=0o700, exist_ok=True)
        text = json.dumps({"source": source, "keys": keys})
        write_durably(os.path.join(directory, FILE), text)


def read(directory: str, source: Side) -> list[Key]:
    """Return the keys that the latest comparison of this direction has left."""
    try:
        with open(os.path.join(directory, FILE), encoding="utf-8") as file:
            kept = json.load(file)
    except FileNotFoundError:
        return []
    return list(kept["keys"]) if kept["source"] == source else []


def differing(
    site: Site, source: Session, target: Session, keys: Sequence[Key]
) -> list[Difference]:
    """Return which of these keys differ, now that nobody writes."""
    if not keys:
        return []
    for session in (source, target):
        canonical(session)
    wrong: list[Difference] = []
    for table in tables_of(source, site):
        ours = [key for name, key in keys if name == table.plain_name]
        if ours:
            sides = [grouped(table.hashes_of(end, ours)) for end in (source, target)]
            wrong += differences(table.plain_name, *sides)
    return wrong


def refuse_differing(
    site: Site, source: Session, target: Session, keys: Sequence[Key]
) -> None:
    """Raise StateConflict when one of these keys differs, now that nobody writes."""
    wrong = differing(site, source, target, keys)
    if wrong:
        raise StateConflict(
            f"{len(wrong)} rows of {site.item} differ inside the fence, such as "
            f"{wrong[0].table} {wrong[0].key} ({wrong[0].kind}). Look with "
            "hal9.migrate.state_verify, mend them with hal9.migrate.state_reconcile, "
            "then run again.",
            differing=[asdict(each) for each in wrong],
        )
