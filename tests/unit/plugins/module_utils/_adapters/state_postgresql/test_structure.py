# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a difference, and what a person should only look at."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.structure import (
    Structure,
)

THERE = Structure(
    frozenset({"public.orders.id bigint"}),
    {"index public.by_day": "CREATE INDEX by_day", "function public.f()": "md5"},
    {"view public.few": "SELECT orders.id", "function public.f()": "CREATE FUNCTION"},
    {"extension postgis": "3.3"},
    15,
)


class TestStructure:
    """Everything of the source is compared with what the target has."""

    def test_the_same_lacks_nothing(self) -> None:
        assert (THERE.lacks_of(THERE), THERE.notes_on(THERE)) == ((), ())

    def test_nothing_lacks_everything_once(self) -> None:
        empty = Structure(frozenset(), {}, {}, {}, 15)
        assert empty.lacks_of(THERE) == (
            "extension postgis",
            "function public.f()",
            "index public.by_day",
            "public.orders.id bigint",
            "view public.few",
        )
        assert empty.notes_on(THERE) == ()

    def test_a_view_written_otherwise_by_the_same_version_differs(self) -> None:
        here = replace(THERE, written={**THERE.written, "view public.few": "SELECT 1"})
        assert here.lacks_of(THERE) == ("view public.few differs",)
        assert here.notes_on(THERE) == ()

    def test_of_another_version_it_is_noted_and_not_compared(self) -> None:
        here = replace(
            THERE, major=16, written={**THERE.written, "view public.few": "SELECT id"}
        )
        assert here.lacks_of(THERE) == ()
        assert here.notes_on(THERE) == (
            "view public.few: not compared, PostgreSQL 15 and 16 each write it their "
            "way",
        )

    def test_of_another_version_it_may_still_be_lacking(self) -> None:
        here = replace(THERE, major=16, written={"function public.f()": "other"})
        assert here.lacks_of(THERE) == ("view public.few",)

    def test_a_function_with_other_text_differs_in_any_version(self) -> None:
        other = {"function public.f()": "other"}
        here = replace(
            THERE,
            major=16,
            definitions={**THERE.definitions, **other},
            written={**THERE.written, **other},
        )
        assert here.lacks_of(THERE) == ("function public.f() differs",)
        assert here.notes_on(THERE) == ()

    def test_versions_of_extensions_are_noted(self) -> None:
        here = replace(THERE, extensions={"extension postgis": "3.4"})
        assert here.lacks_of(THERE) == ()
        assert here.notes_on(THERE) == ("extension postgis: version 3.3, there 3.4",)
