# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_declared import (
    PgBackRest,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse

KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


def declared(**backup: Any) -> dict[str, Any]:
    return {
        "name": "shop",
        "sides": {
            side: {"servers": [{"name": f"{side}1", "address": f"10.0.0.{n}:80"}]}
            for n, side in enumerate(("legacy", "new"), 1)
        },
        "backups": [{"name": "orders", "host": "db1", **backup}],
    }


POSTGRESQL = {"engine": "postgresql", "source": {"env": "SHOP_LEGACY_DSN"}}


class TestPgBackRest:
    def test_a_stanza_is_enough(self) -> None:
        (backup,) = parse(declared(**POSTGRESQL, pgbackrest={"stanza": "main"})).backups
        assert backup.drive is not None
        assert backup.drive.pgbackrest == PgBackRest("main", "", 1, "postgres")
        assert backup.drive.maker == "pgBackRest"

    def test_left_out_it_is_pg_dump(self) -> None:
        (backup,) = parse(declared(**POSTGRESQL)).backups
        assert backup.drive is not None
        assert (backup.drive.pgbackrest, backup.drive.maker) == (None, "pg_dump")

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"pgbackrest": {}}, "backups[0].pgbackrest.stanza"),
            ({"pgbackrest": {"stanza": "../x"}}, "backups[0].pgbackrest.stanza"),
            ({"pgbackrest": {"stanza": "a", "conf": "/x"}}, "an unknown key"),
            ({"pgbackrest": {"stanza": "a", "repository": 0}}, "pgbackrest.repository"),
            ({"pgbackrest": {"stanza": "a"}, "engine": "mariadb"}, "beside mariadb"),
            ({"pgbackrest": {"stanza": "a"}, "state": ["public"]}, "whole cluster"),
            ({"pgbackrest": {"stanza": "a"}, "recipients": [KEY]}, "repo1-cipher-type"),
        ],
    )
    def test_what_it_does_not_take_is_refused(
        self, changes: dict[str, Any], said: str
    ) -> None:
        with pytest.raises(InvalidSpec) as refused:
            parse(declared(**{**POSTGRESQL, **changes}))
        assert said in str(refused.value)
