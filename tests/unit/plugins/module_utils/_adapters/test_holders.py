# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller processes of this host: named while they live, known to be dead after."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.holders import (
    holder,
    is_dead,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.locks import (
    Holder,
    parse_holder,
)


class TestHolder:
    def test_names_the_living_by_their_start(self) -> None:
        mine = holder(os.getpid())
        assert mine.pid == os.getpid()
        assert parse_holder(str(mine)) == mine

    def test_of_a_pid_that_is_not_there_is_refused(self) -> None:
        with pytest.raises(MigrateError, match="is not there"):
            holder(2**22 + 1)


class TestIsDead:
    def test_says_no_of_the_living(self) -> None:
        assert not is_dead(str(holder(os.getpid())))

    def test_says_yes_of_a_killed_one_even_before_it_is_waited_for(self) -> None:
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE
        )
        try:
            named = str(holder(child.pid))
            assert not is_dead(named)
            child.kill()
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            assert is_dead(named)
        finally:
            child.kill()
            child.communicate()
        assert is_dead(named)

    def test_says_yes_when_the_pid_belongs_to_another_now(self) -> None:
        mine = holder(os.getpid())
        assert is_dead(str(Holder(mine.user, mine.host, mine.pid, mine.started - 1)))

    def test_says_no_of_what_it_cannot_know(self) -> None:
        mine = holder(os.getpid())
        assert not is_dead(str(Holder(mine.user, "elsewhere", 2**22 + 1, 1)))
        assert not is_dead("somebody")
