# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields around the state that moves: who writes it, which backups there are."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._core import spec_words as w
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Writer,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_records import (
    REQUIRED,
    Field,
    Record,
)

WRITER = Record(
    "writer",
    Writer,
    (
        Field("name", w.LABEL, REQUIRED, "What it is.", example="nightly cron"),
        Field(
            "through",
            w.WORD,
            REQUIRED,
            "The PgBouncer that carries it, or `direct`.",
            example="pgb_legacy",
        ),
        Field(
            "stopped_by",
            w.OPTIONAL_LABEL,
            "",
            "What keeps it still during the switch; needed for `direct`.",
        ),
        Field(
            "user",
            w.OPTIONAL_LABEL,
            "",
            "Its database role; the application's if empty.",
        ),
        Field(
            "application",
            w.OPTIONAL_LABEL,
            "",
            "Its application_name, `*` for any part; any name if empty.",
        ),
    ),
)
