"""The servers that the tests of the state share.

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
    from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
        Place,
    )
    from tests.integration.state.bed import Bed, Shop


@pytest.fixture(scope="session")
def bed() -> Iterator[Bed]:
    """Two clusters and two PgBouncers that run."""
    from tests.integration.state.bed import Bed

    with scratch_directory("hal9-st-") as directory:
        made = Bed(directory)
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.fixture
def shop(bed: Bed) -> Shop:
    """A shop that is not linked."""
    return bed.shop()


@pytest.fixture
def linked(shop: Shop) -> Iterator[Shop]:
    """A shop whose new side follows legacy; its links go with it."""
    assert shop.link()
    yield shop
    shop.unlink()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Where the record of the switch is kept."""
    from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
        Place,
    )

    return Place(str(tmp_path / "state"))
