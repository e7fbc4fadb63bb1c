"""A place in the open, and what others would run of the lab."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.layout import ROOT
from tests.lab.parts import end_recorded, scratch_directory


@pytest.fixture
def place() -> Iterator[Path]:
    with scratch_directory() as directory:
        yield directory
        end_recorded(directory)


def lab(*arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run `python -m tests.lab` as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "tests.lab", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
