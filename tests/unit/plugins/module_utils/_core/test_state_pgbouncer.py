# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PgBouncer configuration is re-pointed, and nothing else in it is touched."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_pgbouncer import (
    entry,
    repointed,
)

CONFIG = """; the shop
[databases]
; shop = host=ghost
other = host=10.0.0.9 dbname=other
shop = host=10.0.0.1 port=5432 dbname=shop auth_user=pgb password='it''s'
shop2=host=10.0.0.2

[pgbouncer]
shop = not-an-entry
pool_mode = transaction
"""
NEW = {"host": "10.0.0.2", "port": "5433", "dbname": "shop"}


class TestRepointed:
    """Host, port and dbname of one entry change."""

    def test_keeps_the_other_parameters_and_lines(self) -> None:
        text = repointed(CONFIG, "shop", NEW)
        changed = (
            "shop = host=10.0.0.2 port=5433 dbname=shop auth_user=pgb password='it''s'"
        )
        before = (
            "shop = host=10.0.0.1 port=5432 dbname=shop auth_user=pgb password='it''s'"
        )
        assert text == CONFIG.replace(before, changed)

    def test_there_and_back_is_where_it_was(self) -> None:
        back = {"host": "10.0.0.1", "port": "5432", "dbname": "shop"}
        assert repointed(repointed(CONFIG, "shop", NEW), "shop", back) == CONFIG

    def test_an_entry_without_spaces_and_with_missing_parts(self) -> None:
        assert "shop2=host=10.0.0.2 port=5433 dbname=shop\n" in repointed(
            CONFIG, "shop2", NEW
        )

    def test_a_socket_directory_is_quoted_when_it_must_be(self) -> None:
        where = {"host": "/run/my pg", "port": "1", "dbname": "shop"}
        assert "host='/run/my pg' port=1" in repointed(CONFIG, "shop", where)

    @pytest.mark.parametrize("name", ["ghost", "pool_mode", "sho"])
    def test_an_entry_that_is_not_there_is_refused(self, name: str) -> None:
        with pytest.raises(MigrateError, match=rf"no entry {name} in \[databases\]"):
            repointed(CONFIG, name, NEW)


class TestEntry:
    """The parameters of an entry, plain."""

    def test_unquotes(self) -> None:
        assert entry(CONFIG, "shop")["password"] == "it's"
