# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that show values otherwise are not compared by digests."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.forms import (
    refuse_unlike,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)


class TestRefuseUnlike:
    """A difference of form would be taken for one of rows."""

    def test_servers_alike_are_let_pass(self) -> None:
        refuse_unlike({"float8": "0.1", "hash": "7"}, {"float8": "0.1", "hash": "7"})

    def test_what_looks_otherwise_is_named(self) -> None:
        with pytest.raises(StateConflict, match="float8, hash looks otherwise") as told:
            refuse_unlike({"float8": "0.1", "hash": "7"}, {"float8": "0.10000000001"})
        assert told.value.facts["unlike"] == ["float8", "hash"]
