# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the rows that differ may be repaired."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_digest import (
    Difference,
    Findings,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_reconcile import (
    ReconcileRule,
    chunked,
    refuse_undeclared,
    repairs,
    shown,
)

CHANGED = Difference("public.labels", "a", "changed")
EXTRA = Difference("public.labels", "b", "extra")
ORDER = Difference("public.orders", "7", "changed")
RULE = ReconcileRule(("labels",), ("changed", "lost"))


class TestReconcileRule:
    """A row is safe by its table and by how it differs."""

    def test_table_and_kind_must_be_declared(self) -> None:
        assert [RULE.allows(each) for each in (CHANGED, EXTRA, ORDER)] == [
            True,
            False,
            False,
        ]

    def test_patterns_mean_tables_with_their_schema(self) -> None:
        rule = ReconcileRule(("audit.*",), ("changed",))
        assert rule.allows(Difference('audit."Odd one"', "1", "changed"))
        assert not rule.allows(CHANGED)


class TestRefuseUndeclared:
    """Nothing is safe unless it is said."""

    def test_without_a_declaration_nothing_may_be_repaired(self) -> None:
        with pytest.raises(MigrateError, match="Nothing of shop may be repaired"):
            refuse_undeclared("shop", ReconcileRule())

    def test_a_declaration_is_enough(self) -> None:
        refuse_undeclared("shop", RULE)


class TestRepairs:
    """What is not safe is left and named."""

    def test_safe_rows_are_told_from_others(self) -> None:
        found = repairs("shop", RULE, Findings((CHANGED, EXTRA, ORDER)))
        assert (found.safe, found.left) == ((CHANGED,), (EXTRA, ORDER))

    def test_another_structure_is_refused(self) -> None:
        findings = Findings((CHANGED,), (), ("index public.i",))
        with pytest.raises(StateConflict, match="index public"):
            repairs("shop", RULE, findings)

    @pytest.mark.parametrize(
        "findings", [Findings((CHANGED,) * 101), Findings((CHANGED,), more=True)]
    )
    def test_too_many_are_refused(self, findings: Findings) -> None:
        with pytest.raises(StateConflict, match="100 at most"):
            repairs("shop", RULE, findings)

    def test_as_many_as_the_limit_are_repaired(self) -> None:
        assert len(repairs("shop", RULE, Findings((CHANGED,) * 100)).safe) == 100


class TestChunked:
    """Each transaction is of one table and bounded."""

    def test_tables_are_apart_and_chunks_full(self) -> None:
        many = [Difference("public.z", str(n), "lost") for n in range(150)]
        chunks = chunked([*many, CHANGED])
        assert [(table, len(keys)) for table, keys in chunks] == [
            ("public.labels", 1),
            ("public.z", 100),
            ("public.z", 50),
        ]


class TestShown:
    """A diff names keys."""

    def test_one_line_for_each(self) -> None:
        expected = "public.labels a (changed)\npublic.labels b (extra)\n"
        assert shown([CHANGED, EXTRA]) == expected
