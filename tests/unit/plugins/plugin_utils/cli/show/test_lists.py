# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags, checkpoints and pre-checks as the terminal shows them."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show import (
    checkpoints,
    flags,
    precheck,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.terminal import as_text

FLAG = {"name": "shop-new", "state": "ENABLED", "default_variant": "off"}


def shown(drawn: Any) -> str:
    return drawn if isinstance(drawn, str) else as_text(drawn)


class TestFlags:
    def test_says_for_whom_a_flag_is_on(self) -> None:
        found = {"flags": [{**FLAG, "targeting": "percentage", "percentage": 12.5}]}
        assert "on for 12.5%" in shown(flags.render(found, "list", "pretty"))

    def test_says_that_the_site_has_rules_of_its_own(self) -> None:
        found = {"flags": [{**FLAG, "targeting": "other"}]}
        told = "by its own targeting rules"
        assert told in shown(flags.render(found, "list", "table"))

    def test_history_says_who_and_why(self) -> None:
        body = {"flag": "shop-new", "variant": "on", "reason": "launch"}
        event = {"at": 1_790_000_000, "run": "ops@a:1:2", "body": body}
        text = shown(flags.render({"history": [event]}, "history", "pretty"))
        for told in ("2026-09-21", "shop-new", "launch", "ops@a:1:2"):
            assert told in text

    def test_an_empty_list_is_said(self) -> None:
        assert "no flag" in shown(flags.render({"flags": []}, "list", "pretty"))
        assert "No flag" in shown(flags.render({"history": []}, "history", "pretty"))

    def test_json_is_the_list(self) -> None:
        drawn = flags.render({"flags": [FLAG]}, "list", "json")
        assert json.loads(shown(drawn)) == [FLAG]


class TestCheckpoints:
    FOUND = {"name": "before-sale", "sequence": 17, "at": 1_790_000_000, "body": {}}

    def test_lists_name_and_time(self) -> None:
        text = shown(checkpoints.render({"checkpoints": [self.FOUND]}, "pretty"))
        assert "before-sale" in text
        assert "2026-09-21" in text

    def test_says_how_to_keep_the_first(self) -> None:
        text = shown(checkpoints.render({"checkpoints": []}, "pretty"))
        assert "hal9-migrate state checkpoint" in text


class TestPrecheck:
    WRONG = {
        "id": "database.pool",
        "host": "db1",
        "observed": "session",
        "required": "transaction",
        "severity": "blocker",
        "ok": False,
        "remedy": "set pool_mode = transaction",
    }

    def test_a_blocker_is_red_with_its_remedy(self) -> None:
        found = precheck.parse({"ok": False, "items": [self.WRONG]})
        text = shown(precheck.render(found, "pretty"))
        assert "✗ database.pool on db1: session" in text
        assert "required: transaction" in text
        assert "remedy:   set pool_mode = transaction" in text
        assert "Pre-check is red (1 failed)." in text

    def test_of_some_components_says_nothing_of_the_whole(self) -> None:
        found = precheck.parse({"ok": True, "items": []})
        text = shown(precheck.render(found, "pretty", ["router", "host"]))
        assert "Pre-check of router, host alone is green" in text
        assert "can begin" not in text

    def test_a_warning_alone_is_green(self) -> None:
        found = precheck.parse({"items": [{**self.WRONG, "severity": "warning"}]})
        assert found.ok
        assert "1 warning" in shown(precheck.render(found, "pretty"))

    def test_the_page_shows_what_to_do_first(self) -> None:
        page = shown(precheck.render(precheck.parse({"items": [self.WRONG]}), "html"))
        assert page.index("What to do") < page.index("All items")
        assert "set pool_mode = transaction" in page
