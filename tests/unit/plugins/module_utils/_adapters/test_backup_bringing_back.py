# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
    bringing_back as module,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.bringing_back import (
    bringing_back,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import (
    Damaged,
    Hindered,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
    StateConflict,
    TimedOut,
    Unreachable,
)


def raised(error: Exception, place: Path) -> type[BaseException]:
    """Return the class of what comes out when this is raised inside."""
    with pytest.raises(MigrateError) as seen, bringing_back(str(place)):
        raise error
    assert str(seen.value) == str(error)
    return seen.type


class TestBringingBack:
    @pytest.mark.parametrize(
        "said",
        [
            "pg_restore ended with 1: error: could not extend file "
            '"base/16384/2619": No space left on device',
            "restic ended with 1: write /var/tmp/x: no space left on device",
            "mariadb ended with 1: ERROR 1114 (HY000) at line 40: The table 'orders' "
            "is full",
            "mariadb ended with 1: ERROR 2013 (HY000): Lost connection to server",
            "age ended with 1: age: error: no identity matched any of the recipients",
            "restic ended with 12: Fatal: wrong password or no key found",
            "pg_restore ended with -9: (no word)",
            "The scratch server ended: Can't chdir to '/x': Permission denied",
        ],
    )
    def test_what_the_host_is_to_blame_for(self, tmp_path: Path, said: str) -> None:
        assert raised(MigrateError(said), tmp_path) is Hindered

    @pytest.mark.parametrize(
        "said",
        [
            "pg_restore ended with 1: error: could not read from input file",
            "gzip ended with 1: gzip: stdin: invalid compressed data--crc error",
            "The scratch server ended: Wrong signature trying to load DB from file",
            "restic ended with 1: Fatal: ciphertext verification failed",
            "mariadb ended with 1: ERROR 1064 (42000): You have an error in your SQL",
        ],
    )
    def test_what_speaks_against_the_backup(self, tmp_path: Path, said: str) -> None:
        assert raised(MigrateError(said), tmp_path) is Damaged

    @pytest.mark.parametrize(
        "kind",
        [DependencyMissing, Hindered, StateConflict, TimedOut, Unreachable],
    )
    def test_what_is_known_to_be_the_host_stays_it(
        self, tmp_path: Path, kind: type[MigrateError]
    ) -> None:
        assert raised(kind("x"), tmp_path) is kind

    def test_on_a_full_disk_nothing_is_known(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "ROOM", 1 << 80)
        assert raised(MigrateError("x ended with 1"), tmp_path) is Hindered
