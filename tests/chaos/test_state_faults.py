"""The table of faults: each row on real servers, printed with its number of tries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core import state_copy
from tests.chaos.postgres_faults import FaultBed
from tests.chaos.target_faults import TABLE
from tests.integration.state.bed import Bed
from tests.lab.parts import scratch_directory


@pytest.fixture(scope="module")
def servers() -> Iterator[Bed]:
    """Servers of their own: some rows crash them."""
    with scratch_directory("hal9-sf-") as directory:
        made = Bed(directory)
        try:
            made.start()
            yield made
        finally:
            made.stop()


@pytest.mark.timeout(300)
class TestFaults:
    """Rows of other engines are tables of their own, printed likewise."""

    @pytest.mark.parametrize("name", TABLE.rows)
    def test_row_of_the_table(
        self,
        servers: Bed,
        name: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        record_property: Callable[[str, object], None],
    ) -> None:
        monkeypatch.setattr(state_copy, "CHUNK_BYTES", 128 * 1024)
        fault = TABLE.rows[name]
        began = time.monotonic()
        number = fault.act(FaultBed(servers, Place(str(tmp_path / "state"))))
        with capsys.disabled():
            print(f"\n{fault.shown(number, time.monotonic() - began)}", end="")
        record_property("n", number)
        assert number > 0
