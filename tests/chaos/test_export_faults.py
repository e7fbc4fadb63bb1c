"""The table of faults of an export and its import, printed row by row."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.chaos.export_faults import TABLE
from tests.integration.state_export.conftest import bed, shelf
from tests.integration.state_export.shelf import Shelf

__all__ = ["bed", "shelf"]


@pytest.mark.timeout(300)
class TestFaults:
    """Each row on a shop of its own."""

    @pytest.mark.parametrize("name", TABLE.rows)
    def test_row_of_the_table(
        self,
        shelf: Shelf,
        name: str,
        capsys: pytest.CaptureFixture[str],
        record_property: Callable[[str, object], None],
    ) -> None:
        fault = TABLE.rows[name]
        began = time.monotonic()
        number = fault.act(shelf)
        with capsys.disabled():
            print(f"\n{fault.shown(number, time.monotonic() - began)}", end="")
        record_property("n", number)
        assert number > 0
