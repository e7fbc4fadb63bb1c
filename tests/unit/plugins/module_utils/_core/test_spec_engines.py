# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each engine has keys of its own, and refuses those of the others by name."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.schema import (
    render_schema,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    FilesItem,
    MariaItem,
    PostgresItem,
    RedisItem,
    SecretRef,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_reconcile import (
    ReconcileRule,
)
from tests.unit.plugins.module_utils._core.declarations import (
    service_with_state,
    stateless_service,
)

VALIDATOR = Draft202012Validator(render_schema())
REDIS = {
    "name": "sessions",
    "engine": "redis",
    "host": "db1",
    "legacy": {"env": "A"},
    "new": {"env": "B"},
}
MARIADB = {
    "name": "stock",
    "engine": "mariadb",
    "host": "db1",
    "legacy": {"env": "A"},
    "new": {"env": "B"},
    "application_accounts": ["stock@%"],
}
FILES = {
    "name": "uploads",
    "engine": "files",
    "host": "db1",
    "legacy": "/srv/old",
    "new": "/srv/new",
    "fence": {"probe": ["probe", "{tree}"], "marker": "/run/x-{side}"},
}
COMMANDS = {"close": ["a"], "open": ["b"], "is_open": ["c"]}


def declared(*items: dict[str, Any]) -> dict[str, Any]:
    """A declaration with these items of state."""
    return {**stateless_service(), "state": list(items)}


class TestItems:
    """What is written becomes the engine's own type."""

    def test_each_engine_has_its_own(self) -> None:
        postgres = service_with_state()["state"][0]
        raw = declared(postgres, REDIS, FILES, MARIADB)
        VALIDATOR.validate(raw)
        found = parse(raw).state
        kinds = [PostgresItem, RedisItem, FilesItem, MariaItem]
        assert [type(item) for item in found] == kinds
        names = ["postgresql", "redis", "files", "mariadb"]
        assert [item.engine for item in found] == names

    def test_an_address_of_the_other_server_is_ours_unless_said(self) -> None:
        item = parse(declared({**REDIS, "new_from_legacy": {"env": "C"}})).state[0]
        refs = [SecretRef("env", name) for name in ("A", "B", "A", "C")]
        assert item.secrets == tuple(refs)

    def test_files_have_no_secrets_and_may_have_commands(self) -> None:
        fence = {"probe": ["x"], **COMMANDS}
        item = parse(declared({**FILES, "fence": fence})).state[0]
        assert isinstance(item, FilesItem)
        assert (item.secrets, item.hosts) == ((), ("db1",))
        assert item.fence.close == ("a",)


FOREIGN = [
    (REDIS, "pgbouncers", [], "a key of engine postgresql"),
    (REDIS, "schemas", ["public"], "a key of engine postgresql"),
    (
        FILES,
        "legacy_from_new",
        {"env": "A"},
        "a key of engine mariadb, postgresql, redis",
    ),
    (REDIS, "application_accounts", ["a@%"], "a key of engine mariadb"),
    (service_with_state()["state"][0], "fence", {}, "a key of engine files"),
    (REDIS, "pasword", "x", "an unknown key"),
]


class TestForeignKeys:
    """A key of another engine is refused, and it is said whose it is."""

    @pytest.mark.parametrize(("item", "key", "value", "said"), FOREIGN)
    def test_is_named(self, item: Any, key: str, value: Any, said: str) -> None:
        raw = declared({**item, key: value})
        assert not VALIDATOR.is_valid(raw)
        with pytest.raises(InvalidSpec) as refused:
            parse(raw)
        assert refused.value.facts["path"] == f"state[0].{key}"
        assert said in str(refused.value)


RULES = [
    ({"new": "/srv/old/"}, "state[0].new", "neither of them in the other"),
    ({"new": "/srv/old/x"}, "state[0].new", "neither of them in the other"),
    ({"fence": {"probe": ["x"]}}, "state[0].fence", "either `marker`"),
    (
        {"fence": {"probe": ["x"], "close": ["a"], "open": ["b"]}},
        "state[0].fence",
        "either `marker`",
    ),
    (
        {"fence": {"probe": ["x"], "marker": "/run/{side}", **COMMANDS}},
        "state[0].fence",
        "either `marker`",
    ),
    (
        {"fence": {"probe": ["x"], "marker": "/run/x"}},
        "state[0].fence.marker",
        "{side}",
    ),
]


class TestRules:
    """What the schema cannot see."""

    @pytest.mark.parametrize(("change", "path", "said"), RULES)
    def test_is_refused(self, change: dict[str, Any], path: str, said: str) -> None:
        raw = declared({**FILES, **change})
        VALIDATOR.validate(raw)
        with pytest.raises(InvalidSpec) as refused:
            parse(raw)
        assert refused.value.facts["path"] == path
        assert said in str(refused.value)


class TestReconcile:
    """What may be repaired is declared whole, or not at all."""

    def repaired(self, **rule: Any) -> dict[str, Any]:
        """A declaration whose database has this rule."""
        raw = service_with_state()
        raw["state"][0]["reconcile"] = rule
        return raw

    def test_tables_kinds_and_a_limit(self) -> None:
        raw = self.repaired(tables=["labels"], repair=["changed", "lost"])
        item = parse(raw).state[0]
        assert isinstance(item, PostgresItem)
        assert item.reconcile == ReconcileRule(("labels",), ("changed", "lost"), 100)
        assert not list(VALIDATOR.iter_errors(raw))

    def test_nothing_is_declared_by_default(self) -> None:
        item = parse(service_with_state()).state[0]
        assert isinstance(item, PostgresItem)
        assert item.reconcile is None

    @pytest.mark.parametrize(
        ("rule", "path"),
        [
            ({"tables": ["labels"]}, "state[0].reconcile.repair"),
            ({"tables": ["labels"], "repair": []}, "state[0].reconcile.repair"),
            (
                {"tables": ["labels"], "repair": ["doubled"]},
                "state[0].reconcile.repair[0]",
            ),
            ({"tables": [], "repair": ["lost"]}, "state[0].reconcile.tables"),
            (
                {"tables": ["a"], "repair": ["lost"], "limit": 1001},
                "state[0].reconcile.limit",
            ),
        ],
    )
    def test_half_a_rule_is_refused(self, rule: dict[str, Any], path: str) -> None:
        with pytest.raises(InvalidSpec) as told:
            parse(self.repaired(**rule))
        assert told.value.facts["path"] == path
