"""The supervised program is laid down whole: it runs where nothing of ours is."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state import (
    program,
)


class TestLayDown:
    def test_it_runs_without_the_collection(self, tmp_path: Path) -> None:
        import_module(f"{program.__package__}.engines")  # laid down with all of them
        run = program.lay_down(str(tmp_path))
        place = tmp_path / "shop" / "orders"
        place.mkdir(parents=True)
        done = subprocess.run(
            [sys.executable, "-E", "-S", run, str(place)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd="/",
        )
        assert done.stderr == ""
        assert done.returncode == 0
