# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The projection of a journal that somebody has damaged: it never fails."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Event,
    Position,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.projection import (
    project,
)
from tests.unit.builders import position_after, shop_migration

KINDS = (
    "step_begun", "step_committed", "step_failed", "rolled_back", "tripped",
    "released", "switched", "paused", "resumed", "aborted", "validated", "finalised",
    "adopted", "note", "a kind of a later release",
)  # fmt: skip
BODIES: tuple[dict[str, Any], ...] = (
    {},
    {"phase": "moon", "step": "x", "share": None, "epoch": [], "authority": 7},
    {"heads": 3, "by": None, "fallback": {}},
)


def event(kind: str, body: dict[str, Any]) -> Event:
    """Return an event with this body."""
    return Event(99, 1.0, "shop", kind, "run", body, "", "d")


class TestProject:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("body", BODIES)
    def test_takes_any_body_and_keeps_what_it_does_not_say(
        self, kind: str, body: dict[str, Any]
    ) -> None:
        before = position_after(shop_migration(), "canary 25%")
        after = project(before, event(kind, body))
        assert after.head.sequence == 99
        assert (after.epoch, after.authority) == (before.epoch, before.authority)

    def test_never_lets_the_epoch_fall(self) -> None:
        before = Position("shop", epoch=7)
        assert project(before, event("rolled_back", {"epoch": 3})).epoch == 7

    def test_leaves_the_authority_to_the_switch(self) -> None:
        back = {"phase": "canary", "step": 0, "authority": "legacy"}
        after = project(Position("shop", authority="new"), event("rolled_back", back))
        assert (after.authority, after.phase) == ("new", Phase.CANARY)
