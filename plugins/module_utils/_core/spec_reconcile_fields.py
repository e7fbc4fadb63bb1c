# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields that say which rows may be repaired."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._core import spec_words as w
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_kinds import (
    Choice,
    Number,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_records import (
    REQUIRED,
    Field,
    Record,
    Several,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_reconcile import (
    KINDS,
    ReconcileRule,
)

RECONCILE = Record(
    "reconcile",
    ReconcileRule,
    (
        Field(
            "tables",
            Several(w.LABEL, 1),
            REQUIRED,
            "The tables whose rows may be repaired, with their schema or without; `*` "
            "for any part. They need a primary key.",
            example=["labels", "audit.*"],
        ),
        Field(
            "repair",
            Several(Choice(KINDS), 1),
            REQUIRED,
            "Which differences may be repaired, as `state verify` names them: "
            "`changed` is written anew, `lost` is added, `extra` is removed.",
            example=["changed", "lost"],
        ),
        Field(
            "limit",
            Number("a whole number from 1 to 1000", 1, 1000, whole=True),
            100,
            "When more rows differ, nothing is repaired.",
        ),
    ),
)

RECONCILE_FIELD = Field(
    "reconcile",
    RECONCILE,
    None,
    "Which rows may be repaired (`state reconcile`); none if absent.",
)
