"""The beds that tests share or own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.shadow import bed as beds


@pytest.fixture
def bed() -> Iterator[beds.Bed]:
    """A mirror that is off, and a comparator that knows nothing yet."""
    with beds.bed() as made:
        yield made
