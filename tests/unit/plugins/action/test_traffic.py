# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.hal9.migrate.plugins.action.traffic import told
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
