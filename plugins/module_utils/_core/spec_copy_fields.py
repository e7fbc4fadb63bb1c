# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields that say how big tables are copied."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._core import spec_words as w
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_kinds import (
    Choice,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_records import (
    Field,
    Record,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_copy import (
    CopyRule,
)

COPY = Record(
    "copy",
    CopyRule,
    (
        Field(
            "parallel_from",
            w.SIZE,
            "10GB",
            "From this size of any table on, the item is copied in parallel ranges "
            "under one snapshot; below it by the subscription itself.",
            "from_bytes",
        ),
        Field("jobs", w.COUNT, 2, "Ranges at a time, and indexes at a time after it."),
        Field("max_rate", w.SIZE, None, "Bytes a second at most.", "bytes_per_second"),
        Field("max_rows", w.COUNT, None, "Rows a second at most.", "rows_per_second"),
        Field(
            "wal_limit",
            w.SIZE,
            None,
            "Log that the copy may keep on legacy; past it the slot is dropped and the "
            "copy fails, before legacy's disk is full.",
            "wal_limit_bytes",
        ),
        Field(
            "lost_snapshot",
            Choice(("restart", "fail")),
            "restart",
            "What follows when the snapshot of a broken off copy is gone: empty the "
            "tables on new and begin anew, or fail.",
        ),
    ),
)
