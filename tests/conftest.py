# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

CHAOS = Path(__file__).parent / "chaos"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything under tests/chaos, so that `make test` can take its sample."""
    for item in items:
        if item.path.is_relative_to(CHAOS):
            item.add_marker("chaos")
