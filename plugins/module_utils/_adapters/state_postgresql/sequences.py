# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sequences: logical replication leaves them behind, so the switch copies them."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.site import (
    Site,
)

_READ = """
SELECT format('%%I.%%I', schemaname, sequencename),
       coalesce(last_value, start_value), last_value IS NOT NULL
  FROM pg_sequences WHERE schemaname = ANY(%s)
"""
_WRITE = """
SELECT setval(name::regclass, value, called)
  FROM unnest(%s::text[], %s::bigint[], %s::bool[]) AS wanted(name, value, called)
"""


def copy(site: Site, source: Session, target: Session) -> int:
    """Set every sequence of the target as the source's is; return how many."""
    found = source.rows(_READ, list(site.schemas))
    if found:
        names, values, called = (list(column) for column in zip(*found))
        target.rows(_WRITE, names, values, called)
    return len(found)
