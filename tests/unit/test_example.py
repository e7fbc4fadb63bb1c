# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example inventory is what it says: a declaration that parses, of hosts that are
there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_declared import (
    groups_of,
    hosts_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.schema import (
    render_schema,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse

EXAMPLE = Path(__file__).resolve().parents[2] / "inventories" / "example"


def read(name: str) -> Any:
    return yaml.safe_load((EXAMPLE / name).read_text(encoding="utf-8"))


@pytest.fixture
def declaration() -> Any:
    return read("group_vars/all/migration.yml")["hal9_migration"]


class TestExample:
    def test_is_a_good_declaration(self, declaration: Any) -> None:
        Draft202012Validator(render_schema()).validate(declaration)
        assert parse(declaration).name == "shop"

    def test_has_the_groups_and_hosts_that_are_declared(self, declaration: Any) -> None:
        migration = parse(declaration)
        groups = read("hosts.yml")["all"]["children"]
        hosts = {host for group in groups.values() for host in group["hosts"]}
        assert set(groups) >= set(groups_of(migration))
        assert hosts >= set(hosts_of(migration))

    def test_describes_every_router(self) -> None:
        routers = read("hosts.yml")["all"]["children"]["hal9_routers"]["hosts"]
        named = {
            host: read(f"host_vars/{host}.yml")["hal9_router"]["name"]
            for host in routers
        }
        assert named == {host: host for host in routers}
