# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The secrets of a declaration, read on the controller."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar

from ansible_collections.hal9.migrate.plugins.lookup.secrets import references

DECLARATION = {
    "name": "shop",
    "identity": [{"env": "NOT_A_SECRET"}],
    "state": [
        {"legacy": {"env": "SHOP_DSN"}, "pgbouncers": [{"admin": {"var": "vaulted"}}]}
    ],
    "journal": {"dsn": {"file": "/etc/hal9/dsn"}},
}


def look(variables: dict[str, str], **options: Any) -> list[dict[str, str]]:
    """Run the lookup as Ansible does."""
    templar = Templar(loader=DataLoader(), variables=variables)
    lookup = lookup_loader.get("hal9.migrate.secrets", templar=templar)
    found: list[dict[str, str]] = lookup.run([DECLARATION], variables, **options)
    return found


class TestReferences:
    def test_finds_what_the_controller_reads_and_nothing_else(self) -> None:
        found = set(references(DECLARATION["state"]))
        assert found == {("env", "SHOP_DSN"), ("var", "vaulted")}

    def test_leaves_files_to_the_host_that_needs_them(self) -> None:
        assert list(references(DECLARATION["journal"])) == []


class TestLookup:
    def test_reads_environment_and_variables(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOP_DSN", "dbname=shop")
        assert look({"vaulted": "s3"}) == [
            {"env:SHOP_DSN": "dbname=shop", "var:vaulted": "s3"}
        ]

    def test_names_what_is_not_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SHOP_DSN", raising=False)
        with pytest.raises(AnsibleLookupError, match="environment variable SHOP_DSN"):
            look({"vaulted": "s3"})

    def test_leaves_out_what_is_not_needed_and_not_set(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SHOP_DSN", raising=False)
        assert look({"vaulted": "s3"}, needed=["journal"]) == [{"var:vaulted": "s3"}]

    def test_names_what_is_needed_and_not_set(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SHOP_DSN", raising=False)
        with pytest.raises(AnsibleLookupError, match="SHOP_DSN"):
            look({"vaulted": "s3"}, needed=["state"])
