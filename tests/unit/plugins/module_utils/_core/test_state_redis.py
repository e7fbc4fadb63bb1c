# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of two Redis servers before they are linked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    blocking,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_redis import (
    RedisFacts,
    items,
)


def server(side: str, **changes: Any) -> RedisFacts:
    """A server that is fit."""
    fit = RedisFacts(
        side=side,
        version=(7, 0, 15),
        mode="standalone",
        keys=0,
        used_memory=1000,
        maxmemory=0,
        policy="noeviction",
        databases=16,
        durable=True,
        config_file="/etc/redis.conf",
        replica_read_only=True,
        users=(("default", "user default on"),),
    )
    return replace(fit, **changes)


def wrong(legacy: dict[str, Any], new: dict[str, Any]) -> dict[str, str]:
    """The items that do not hold, with their severity."""
    found = items(
        server("legacy", **legacy),
        server("new", **new),
        linked=False,
        authority="legacy",
    )
    return {each.id: each.severity for each in found if each.severity != "ok"}


CASES = [
    ({"version": (6, 0, 9)}, {}, {"legacy.version": "error", "way_back": "warning"}),
    ({"version": (7, 0, 15)}, {"version": (7, 2, 1)}, {"way_back": "warning"}),
    (
        {"version": (7, 2, 1)},
        {"version": (7, 0, 15)},
        {"versions": "error", "way_back": "warning"},
    ),
    ({"mode": "cluster"}, {}, {"legacy.mode": "error"}),
    ({"sentinels": 3}, {}, {"legacy.sentinels": "error"}),
    ({}, {"denied": ("CONFIG",)}, {"new.commands": "error"}),
    ({"config_file": ""}, {}, {"legacy.config_file": "error"}),
    ({}, {"other_login": "WRONGPASS"}, {"new.replication_user": "error"}),
    ({}, {"replica_read_only": False}, {"new.replica_read_only": "error"}),
    ({}, {"durable": False}, {"new.persistence": "warning"}),
    ({}, {"maxmemory": 999}, {"new.maxmemory": "error"}),
    (
        {},
        {"maxmemory": 5000, "policy": "allkeys-lru"},
        {"new.maxmemory_policy": "error"},
    ),
    ({"maxmemory": 5000, "policy": "allkeys-lru"}, {"maxmemory": 5000}, {}),
    ({}, {"databases": 4}, {"new.databases": "error"}),
    ({"modules": ("search",)}, {}, {"new.modules": "error"}),
    ({}, {"keys": 7}, {"new.keys": "error"}),
    ({"users": (("shop", "x"),)}, {}, {"new.users": "error"}),
    (
        {"users": (("default", "user default off"),)},
        {},
        {"new.user_rules": "warning"},
    ),
]


class TestItems:
    """Each is said by name, and how bad it is."""

    def test_fit_servers_have_nothing_against_them(self) -> None:
        assert wrong({}, {}) == {}

    @pytest.mark.parametrize(("legacy", "new", "expected"), CASES)
    def test_is_named(
        self, legacy: dict[str, Any], new: dict[str, Any], expected: dict[str, str]
    ) -> None:
        assert wrong(legacy, new) == expected

    def test_keys_on_new_are_right_once_it_is_linked(self) -> None:
        found = items(
            server("legacy"), server("new", keys=7), linked=True, authority="legacy"
        )
        assert blocking(found) == ()
