# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.hal9.migrate.plugins.action import traffic
from ansible_collections.hal9.migrate.plugins.action.traffic import gradually, told
from tests.unit.plugins.module_utils._core.declarations import stateless_service


class TestTold:
    def test_a_router_gets_the_name_and_the_declared_seconds(self) -> None:
        declared = {
            **stateless_service(),
            "lease": "21s",
            "guard": {"pause_after_switch": "7s"},
        }
        args = told({"migration": declared, "share": 5})
        assert args == {
            "migration": {"name": declared["name"]},
            "share": 5,
            "lease_seconds": 21,
            "pause_seconds": 7,
        }

    def test_what_the_task_says_goes_before(self) -> None:
        asked = {"lease_seconds": 600, "pause_seconds": 3}
        args = told({"migration": stateless_service(), **asked})
        assert {name: args[name] for name in asked} == asked

    @pytest.mark.parametrize("declared", [None, "shop", {"name": "shop"}])
    def test_a_declaration_that_is_refused_reaches_no_router(
        self, declared: object
    ) -> None:
        with pytest.raises(AnsibleActionFail) as failed:
            told({"migration": declared})
        assert failed.value.result["error"] == "InvalidSpec"


@dataclass
class Router:
    """Answers calls, each of which takes its part and a second more."""

    at: float = 1000.0
    fails_at: int = 0
    calls: list[dict[str, Any]] = field(default_factory=list)

    def now(self) -> float:
        return self.at

    def call(self, more: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append(dict(more))
        number = len(self.calls)
        self.at += float(more["gradual_part"]["seconds"]) + 1
        if number == self.fails_at:
            return {"failed": True, "msg": "refused"}
        return {
            "changed": number == 1,
            "before": number - 1,
            "after": number,
            "origin": 500,
            "diff": {"before": str(number - 1), "after": str(number)},
        }

    @property
    def parts(self) -> list[dict[str, Any]]:
        return [call["gradual_part"] for call in self.calls]


class TestGradually:
    def test_it_is_made_in_parts_from_where_the_first_began(self) -> None:
        router = Router()
        gradually(router.call, 10.0, 3.0, now=router.now)
        assert router.parts == [
            {"seconds": 3.0, "done": 0.0, "origin": None},
            {"seconds": 3.0, "done": 4.0, "origin": 500},
            {"seconds": 3.0, "done": 8.0, "origin": 500},
        ]
        assert {call["gradual_seconds"] for call in router.calls} == {10.0}

    def test_the_result_is_that_of_one_change(self) -> None:
        router = Router()
        result = gradually(router.call, 10.0, 3.0, now=router.now)
        assert (result["changed"], result["before"], result["after"]) == (True, 0, 3)
        assert result["diff"] == {"before": "0", "after": "3"}

    def test_connections_are_ended_when_the_share_is_there(self) -> None:
        router = Router()
        gradually(router.call, 10.0, 3.0, "new", now=router.now)
        ended = [call.get("close_connections") for call in router.calls]
        assert ended == [None, None, "new"]

    def test_a_refusal_is_the_end(self) -> None:
        router = Router(fails_at=2)
        result = gradually(router.call, 10.0, 3.0, now=router.now)
        assert result == {"failed": True, "msg": "refused", "changed": True}
        assert len(router.calls) == 2

    def test_without_a_controller_no_call_begins(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        router = Router()
        answers = iter([True, False])
        monkeypatch.setattr(traffic, "_has_controller", lambda: next(answers))
        with pytest.raises(AnsibleActionFail, match="controller is gone"):
            gradually(router.call, 10.0, 3.0, now=router.now)
        assert len(router.calls) == 1
