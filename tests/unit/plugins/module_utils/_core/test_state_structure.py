# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same definition is the same text, before a dump and after it."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.state_structure import (
    settled,
)

V = "::character varying"


class TestSettled:
    """One form is rewritten; everything else stays as it is."""

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (
                f"((s)::text = ANY ((ARRAY['a'{V}, 'b'{V}])::text[]))",
                f"((s)::text = ANY (ARRAY[('a'{V})::text, ('b'{V})::text]))",
            ),
            (
                f"ANY ((ARRAY['a,]'{V}, 'it''s ('{V}])::text[]) AND x",
                f"ANY (ARRAY[('a,]'{V})::text, ('it''s ('{V})::text]) AND x",
            ),
            (
                "ANY ((ARRAY[f(1, 2), 3])::numeric(8,2)[])",
                "ANY (ARRAY[(f(1, 2))::numeric(8,2), (3)::numeric(8,2)])",
            ),
        ],
    )
    def test_a_cast_of_a_whole_array_is_one_of_each_element(
        self, before: str, after: str
    ) -> None:
        assert settled(before) == after
        assert settled(after) == after

    def test_every_array_of_a_text_is_rewritten(self) -> None:
        one = "(ARRAY[1])::bigint[]"
        assert settled(f"{one} = {one}") == "ARRAY[(1)::bigint] = ARRAY[(1)::bigint]"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "CHECK ((amount >= 0))",
            "(ARRAY[1, 2])",
            "(ARRAY[1, 2] || x)",
            "'(ARRAY[' || s",
            "(ARRAY['never ended",
        ],
    )
    def test_anything_else_is_left(self, text: str) -> None:
        assert settled(text) == text

    def test_other_elements_stay_other(self) -> None:
        text = "ANY ((ARRAY['a'::varchar, '{}'::varchar])::text[])"
        assert settled(text.format("b")) != settled(text.format("c"))
