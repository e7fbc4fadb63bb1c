"""What is written durably, by two processes at once as well."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.durable import (
    write_durably,
)

TEXTS = ("short", "a longer text " * 500)


def write_often(path: str, text: str) -> None:
    for _unused in range(100):
        write_durably(path, text)


def test_two_writers_leave_what_one_of_them_wrote(tmp_path: Path) -> None:
    path = tmp_path / "head"
    with ProcessPoolExecutor(len(TEXTS)) as pool:
        for written in [pool.submit(write_often, str(path), text) for text in TEXTS]:
            written.result(timeout=60)
    assert path.read_text() in TEXTS
    assert os.listdir(tmp_path) == ["head"]
    assert path.stat().st_mode & 0o777 == 0o600
