# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is the authority, read from who may log in."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.state import (
    LinkReading,
    StateReading,
    TableCopy,
    other,
)

NONE_NEW = LinkReading("new", exists=False)
NONE_LEGACY = LinkReading("legacy", exists=False)
TO_NEW = LinkReading("new", exists=True, enabled=True, active=True)


class TestAuthority:
    """Exactly one side is open, or nobody is the authority."""

    @pytest.mark.parametrize(
        ("legacy_open", "new_open", "linked", "authority"),
        [
            (True, False, True, "legacy"),
            (False, True, True, "new"),
            (False, False, True, None),
            (True, True, True, None),
            (True, True, False, "legacy"),
        ],
    )
    def test_is_the_open_side(
        self,
        legacy_open: bool,
        new_open: bool,
        linked: bool,
        authority: str | None,
    ) -> None:
        link = TO_NEW if linked else NONE_NEW
        reading = StateReading(legacy_open, new_open, link, NONE_LEGACY)
        assert reading.authority == authority

    def test_the_live_link_leads_out_of_it(self) -> None:
        assert StateReading(True, False, TO_NEW, NONE_LEGACY).live == TO_NEW
        assert StateReading(False, True, TO_NEW, NONE_LEGACY).live is None


class TestCopied:
    """A copy has ended when every table follows."""

    @pytest.mark.parametrize(
        ("states", "copied"), [("rr", True), ("rd", False), ("", False)]
    )
    def test_every_table_is_ready(self, states: str, copied: bool) -> None:
        tables = tuple(TableCopy(f"t{n}", state) for n, state in enumerate(states))
        assert LinkReading("new", exists=True, tables=tables).copied is copied


class TestOther:
    """There are two sides."""

    def test_is_the_one_that_this_is_not(self) -> None:
        assert (other("new"), other("legacy")) == ("legacy", "new")
