# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The write pause is measured by a clock that nobody sets."""

from __future__ import annotations

import time

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.moment import (
    milliseconds_between,
    moment,
)


class TestMillisecondsBetween:
    def test_tells_what_has_passed(self):
        assert milliseconds_between("a 10.5", "a 10.7503") == 250.3

    @pytest.mark.parametrize("ended", [None, "b 10.7", "12.3"])
    def test_tells_nothing_of_what_it_cannot_know(self, ended):
        assert milliseconds_between("a 10.5", ended) is None

    def test_does_not_mind_a_wall_clock_that_is_set(self, monkeypatch):
        began = moment()
        monkeypatch.setattr(time, "time", lambda: 0.0)
        passed = milliseconds_between(began, moment())
        assert passed is not None
        assert 0 <= passed < 60_000
