# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of an item that can be exported and imported."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._core import spec_words as w
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_selection import (
    Category,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_records import (
    REQUIRED,
    Field,
    Record,
    Several,
)

CATEGORY = Record(
    "category",
    Category,
    (
        Field("name", w.WORD, REQUIRED, "Its name, unique.", example="customers"),
        Field(
            "tables",
            Several(w.LABEL, 1),
            REQUIRED,
            "Its tables, with their schema or without; `*` for any part.",
            example=["users", "audit.*"],
        ),
    ),
)

EXPORT_FIELDS = (
    Field(
        "export_key",
        w.SECRET,
        None,
        "What signs exports and is asked for at import: 32 random characters or more.",
        example={"env": "SHOP_EXPORT_KEY"},
    ),
    Field(
        "categories",
        Several(CATEGORY),
        [],
        "Groups of tables, exported and imported in this order; tables that none "
        "names come last, as `rest`.",
    ),
)
