"""The servers that the tests of export and import share.

The collection is imported inside the fixtures: this file is read before pytest-ansible
has set the collections' loader up, and a package imported before knows no later module.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.parts import scratch_directory

if TYPE_CHECKING:
    from tests.integration.state.bed import Bed
    from tests.integration.state_export.shelf import Shelf


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    """Two clusters and two PgBouncers that run."""
    from tests.integration.state.bed import Bed

    with scratch_directory("hal9-ex-") as directory:
        made = Bed(directory)
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture
def shelf(bed: Bed, tmp_path: Path) -> Iterator[Shelf]:
    """A shop with rows of many kinds, and a place for its exports."""
    from tests.integration.state_export.shelf import TABLES, Shelf

    made = Shelf(bed.shop(TABLES), tmp_path)
    yield made
    made.let_go()
