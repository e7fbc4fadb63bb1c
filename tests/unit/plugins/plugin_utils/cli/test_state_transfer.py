# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `state export` and `import` are told reaches the module, and comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.transfers import going_on
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.verbs import (
    state_transfer,
)

ROLE = Path("roles/state_transfer")
GENTLE = ["--max-lag", "16MB", "--max-load", "4.5", "--rows-per-second", "1000"]


@pytest.mark.parametrize("verb", ["export", "import"])
class TestGently:
    def test_options_become_variables_that_the_role_gives_to_the_module(
        self, verb: str
    ) -> None:
        command: Any = {v.name: v for v in state_transfer.VERBS}[verb]
        chosen = command.make_context(verb, ["/backups/a", *GENTLE]).params
        shared = state_transfer._shared(chosen)
        assert (shared["max_lag_bytes"], shared["max_load"]) == (16_000_000, 4.5)
        assert shared["rows_per_second"] == 1000

        tasks = yaml.safe_load((ROLE / "tasks" / f"{verb}.yml").read_text())
        asked = next(t[m] for t in tasks for m in t if m.endswith(f"state_{verb}"))
        for name in ("max_lag_bytes", "max_load", "rows_per_second"):
            assert asked[name] == f"{{{{ state_transfer_{name} }}}}"


class TestGoingOn:
    def test_says_why_it_waits(self) -> None:
        told = {
            "kind": "import",
            "state": "running",
            "pieces_done": 3,
            "pieces_total": 9,
            "rows": 1200,
            "bytes": 5_000_000,
            "bytes_per_second": 1_000_000,
            "estimate_seconds": 10,
            "waiting": "replication lag 300 bytes exceeds 200",
        }
        line = going_on({"progress": told})
        assert "importing: 3 of 9 pieces" in line
        assert line.endswith("waiting: replication lag 300 bytes exceeds 200.")
