# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from tests.reference import PAGES


class TestPages:
    @pytest.mark.parametrize(("page", "render"), PAGES.items())
    def test_equals_what_the_table_says(
        self, page: Path, render: Callable[[], str]
    ) -> None:
        assert page.read_text(encoding="utf-8") == render(), (
            "run `python -m tests.reference`"
        )
