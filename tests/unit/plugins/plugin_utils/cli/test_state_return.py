# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `state restore` says of a return, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import work
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.verbs import state_return

FOUND: dict[str, Any] = {
    "returns": True,
    "told": ["share: 50%, as it is", "orders: new -> legacy"],
    "risks": ["orders: the link back to legacy is not active"],
    "writes_at_risk": 0,
    "uncounted": [],
    "cost": "no acknowledged write would be lost",
}
UNCOUNTED = {
    "uncounted": ["orders: timed out"],
    "cost": "acknowledged writes that would be lost could not be counted: orders: "
    "timed out",
}
CAPPED = {
    "writes_at_risk": 1000,
    "cost": "at least 1,000 acknowledged writes would be lost",
}


class TestTold:
    def test_each_item_and_the_cost_is_said(self) -> None:
        lines = state_return.told("before", FOUND)
        assert "  orders: new -> legacy" in lines
        assert lines[-1] == "  no acknowledged write would be lost."

    @pytest.mark.parametrize("cost", [UNCOUNTED, CAPPED])
    def test_the_cost_is_no_number_where_there_is_none(
        self, cost: dict[str, Any]
    ) -> None:
        lines = state_return.told("before", {**FOUND, **cost})
        assert lines[-1] == f"  {cost['cost']}."


class TestRestore:
    @pytest.mark.parametrize("cost", [UNCOUNTED, CAPPED])
    def test_what_would_be_lost_is_refused(
        self, cost: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert self.typed(monkeypatch, cost, "--yes") == (Exit.REFUSED, [])
        assert self.typed(monkeypatch, cost, "--dry-run") == (Exit.DONE, [])
        assert self.typed(monkeypatch, cost, "--yes", "--force") == (
            Exit.DONE,
            ["restore"],
        )

    def test_what_costs_nothing_is_done(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.typed(monkeypatch, {}, "--yes") == (Exit.DONE, ["restore"])

    def typed(
        self, monkeypatch: pytest.MonkeyPatch, cost: dict[str, Any], *more: str
    ) -> tuple[Any, list[str]]:
        """Type it where the plan says so; return how it ended and what was played."""
        played: list[str] = []
        found = {**FOUND, **cost}
        monkeypatch.setattr(work, "fetch", lambda *_all: (Exit.DONE, found))
        monkeypatch.setattr(state_return, "settings_of", lambda _ctx: None)

        def carried_out(play: Any, *_rest: Any) -> Exit:
            played.append(play.name)
            return Exit.DONE

        monkeypatch.setattr(state_return, "_carry_out", carried_out)
        done = CliRunner().invoke(
            state_return.restore, ["before", *more], standalone_mode=False
        )
        assert done.exception is None, done.output
        return done.return_value, played
