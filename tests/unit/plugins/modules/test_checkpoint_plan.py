# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan of a return answers, and what it refuses, on a journal of its own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.record_requests import (
    save_checkpoint,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.modules import checkpoint_plan
from tests.unit.builders import shop_declaration

ORDERS = {"item": "orders", "authority": "new", "reverse_active": False}
LISTS = ("items", "differing", "flags", "losses", "catalogues", "exports")


class Site:
    """A journal with one checkpoint, kept while legacy was written."""

    def __init__(self, directory: Path) -> None:
        """Keep the checkpoint."""
        journal = {"path": str(directory / "journal.db")}
        self.given: dict[str, Any] = {
            "migration": shop_declaration(journal=journal),
            "secrets": {},
            "name": "before",
        }
        save_checkpoint({**self.given, "body": {}, "run": None}, is_dry=False)

    def planned(
        self, *, check: bool = False, force: bool = False, **found: Any
    ) -> dict[str, Any]:
        """Return the plan while the orders are on new, without a link back."""
        empty: dict[str, Any] = {name: [] for name in LISTS}
        more = {"share": None, "verify_only": False, "force": force, "items": [ORDERS]}
        comparison = {"differing": [{"item": "orders", **found}]}
        params = {**self.given, **empty, **more, **comparison}
        module: Any = SimpleNamespace(params=params, check_mode=check)
        return checkpoint_plan._planned(module)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


class TestPlanned:
    def test_a_failed_comparison_is_said_in_check_mode(self, site: Site) -> None:
        plan = site.planned(check=True, why="timed out")
        assert "orders: new -> legacy" in plan["told"]
        assert plan["with_state"]
        assert plan["writes_at_risk"] == 0
        assert plan["uncounted"] == ["orders: timed out"]
        assert plan["cost"].endswith("could not be counted: orders: timed out")

    def test_a_failed_comparison_is_refused_unless_forced(self, site: Site) -> None:
        with pytest.raises(StateConflict, match="could not be counted"):
            site.planned(why="timed out")
        assert site.planned(force=True, why="timed out")["returns"]

    def test_a_capped_comparison_is_refused_as_a_lower_bound(self, site: Site) -> None:
        rows = [{"table": "orders", "key": str(n), "kind": "lost"} for n in range(1000)]
        with pytest.raises(StateConflict, match="at least 1,000 acknowledged writes"):
            site.planned(differing=rows, more=True)
