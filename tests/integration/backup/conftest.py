# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that the tests of backups share.

The collection is imported inside the fixtures: this file is read before pytest-ansible
has set the collections' loader up.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.parts import PostgresCluster, free_port, scratch_directory

if TYPE_CHECKING:
    from tests.integration.backup.stanza import Stanza


@pytest.fixture
def room() -> Iterator[Path]:
    """A directory that other users may pass through."""
    with scratch_directory("hal9-bk-") as directory:
        yield directory


@pytest.fixture(scope="package")
def cluster() -> Iterator[PostgresCluster]:
    """One PostgreSQL for all tests here; every login needs a password."""
    from tests.integration.backup.bed import PASSWORD

    with scratch_directory("hal9-bp-") as directory:
        server = PostgresCluster(
            directory / "pg", free_port(), superuser_password=PASSWORD
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture
def swift_room() -> Iterator[Path]:
    """A directory that other users may pass through, in memory where there is room."""
    from tests.integration.backup.stanza import swift_directory

    with swift_directory("hal9-bk-") as directory:
        yield directory


@pytest.fixture(scope="package")
def stanza() -> Iterator[Stanza]:
    """One cluster that archives into one stanza of pgBackRest."""
    from tests.integration.backup.stanza import Stanza, swift_directory

    with swift_directory("hal9-br-") as directory:
        made = Stanza(directory)
        made.start()
        try:
            yield made
        finally:
            made.cluster.stop()
