# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, and what of them may be shown."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.session import (
    account,
    cleaned,
    quoted,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.site import (
    MariaSite,
    address,
    as_plain,
    from_plain,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

URL = "mariadb://keeper:p%40ss%2Fword@db.example:3307"


def site() -> MariaSite:
    """A declared item."""
    return MariaSite("shop", "a-b", URL, URL, URL, URL, ("shop@%",))


class TestAddress:
    """It is taken apart, or refused without being shown."""

    def test_parts(self) -> None:
        found = address(URL, "legacy")
        assert (found.host, found.port) == ("db.example", 3307)
        assert (found.user, found.password) == ("keeper", "p@ss/word")
        assert "p@ss" not in repr(found)

    @pytest.mark.parametrize(
        "url", ["postgresql://a:hush@b", "mariadb://:hush@b", "mysql://a:hush@b:port"]
    )
    def test_a_malformed_one_is_not_shown(self, url: str) -> None:
        with pytest.raises(MigrateError, match="legacy") as refused:
            address(url, "legacy")
        assert "hush" not in str(refused.value)


class TestSite:
    """It goes to the request file and back, and hides its secrets."""

    def test_there_and_back(self) -> None:
        assert from_plain(as_plain(site())) == site()

    def test_secrets_in_any_spelling_are_hidden(self) -> None:
        text = f"near 'p@ss/word' or p%40ss%2Fword at {URL}"
        assert "ss" not in cleaned(text, site().secrets).replace("(hidden)", "")

    def test_the_name_is_one_that_a_server_takes(self) -> None:
        assert site().name == "hal9_shop_a_b"


class TestQuoting:
    """Names and accounts cannot leave their quotes."""

    def test_names(self) -> None:
        assert quoted("a`b") == "`a``b`"

    def test_accounts(self) -> None:
        assert account("o'x@10.0.%") == "'o''x'@'10.0.%'"
