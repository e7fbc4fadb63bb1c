# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declarations for tests: whole ones, and one change at a time."""

from __future__ import annotations

import copy
import re
from typing import Any

_PART = re.compile(r"([a-z_0-9A-Z]+)|\[(\d+)\]")


def stateless_service() -> dict[str, Any]:
    """Return the least that declares a migration."""
    return {
        "name": "shop",
        "sides": {
            "legacy": {"servers": [{"name": "legacy1", "address": "10.0.0.11:8080"}]},
            "new": {"servers": [{"name": "new1", "address": "10.0.0.21:8080"}]},
        },
    }


def service_with_state() -> dict[str, Any]:
    """Return a declaration that uses every part."""
    return {
        **stateless_service(),
        "identity": [{"cookie": "uid"}, {"header": "X-User"}, "source"],
        "phases": {
            "canary": {
                "gates": {"error_rate": "<= 0.1%", "p99_ms": "<= 50"},
                "soak": "10m",
                "steps": ["5%", "10%", {"share": "25%", "soak": "20m"}, "50%"],
            },
            "state": {"soak": "1m"},
        },
        "shadow": {"comparator": "10.0.0.31:8301"},
        "state": [
            {
                "name": "orders",
                "host": "db1",
                "legacy": {"env": "SHOP_LEGACY_DSN"},
                "new": {"file": "/etc/hal9/new.dsn"},
                "application_role": "shop",
                "pgbouncers": [bouncer("pgb_legacy"), bouncer("pgb_new")],
            }
        ],
        "writers": [{"name": "shop service", "through": "pgb_legacy"}],
        "flags": {
            "path": "/etc/hal9/flags.json",
            "turn": [{"phase": "full", "flag": "shop-new", "variant": "on"}],
        },
        "journal": {"backend": "postgresql", "dsn": {"var": "vault_journal_dsn"}},
    }


def bouncer(name: str) -> dict[str, Any]:
    """Return one PgBouncer of that name."""
    return {"name": name, "host": "db1", "admin": {"env": "PGB"}, "database": "shop"}


def changed(raw: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy of ``raw`` with ``value`` at ``path``; mappings on the way are
    made.
    """
    copied = copy.deepcopy(raw)
    keys = [int(i) if i else name for name, i in _PART.findall(path)]
    place: Any = copied
    for key in keys[:-1]:
        place = place[key] if isinstance(key, int) else place.setdefault(key, {})
    place[keys[-1]] = value
    return copied


def without(raw: dict[str, Any], path: str) -> dict[str, Any]:
    """Return a copy of ``raw`` without the key at ``path``."""
    copied = copy.deepcopy(raw)
    *way, last = [int(i) if i else name for name, i in _PART.findall(path)]
    place: Any = copied
    for key in way:
        place = place[key]
    del place[last]
    return copied
