# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of some benchmarks leaves the figures of the others as they were."""

from __future__ import annotations

from tests.bench.page import measured, replaced, told_by, with_figures
from tests.bench.rows import row

PAGE = "head\n<!-- figures: begin -->\n<!-- figures: end -->\ntail\n"
ORDER = ("evidence", "step", "state")


def figures(suite, seconds, quick=False):
    """Give the rows of a suite that measured one thing."""
    found = [row("time", (seconds, "s"), "a ping", 2.0, "<= 1.5")]
    return measured(suite, told_by(0.5, quick=quick), found)


class TestWithFigures:
    def test_suites_stand_in_their_order_and_say_when_and_where(self):
        page = with_figures(PAGE, "state", figures("state", 2), ORDER)
        page = with_figures(page, "step", figures("step", 4, quick=True), ORDER)
        assert page.index("### step\n") < page.index("### state\n")
        assert page.startswith("head\n<!-- figures: begin -->\n### step\nMeasured on ")
        assert page.endswith("<!-- figures: end -->\ntail\n")
        step, _title, state = page.partition("### state")
        assert ", load 0.5 before, with few repetitions." in step
        assert ", load 0.5 before." in state

    def test_a_run_replaces_its_own_table_alone(self):
        page = with_figures(PAGE, "state", figures("state", 2), ORDER)
        page = with_figures(page, "step", figures("step", 4), ORDER)
        state = page.partition("### state")[2]
        assert "| time | 4 s | 2 s: a ping | 2 | <= 1.5 | **no** |" in page
        page = with_figures(page, "step", figures("step", 1), ORDER)
        assert "| time | 1 s | 2 s: a ping | 0.5 | <= 1.5 | yes |" in page
        assert "| time | 4 s" not in page
        assert page.partition("### state")[2] == state

    def test_the_same_figures_once_more_change_nothing(self):
        page = with_figures(PAGE, "step", figures("step", 4), ORDER)
        assert with_figures(page, "step", figures("step", 4), ORDER) == page


class TestReplaced:
    def test_rows_of_other_suites_stay(self):
        kept = [*figures("state", 2), *figures("step", 4)]
        after = replaced(kept, "step", figures("step", 1))
        assert [(each["suite"], each["value"]) for each in after] == [
            ("state", 2),
            ("step", 1),
        ]

    def test_rows_from_before_there_were_suites_go(self):
        nameless = row("time", (4, "s"), "", None, "")
        assert replaced([nameless], "step", figures("step", 1)) == figures("step", 1)
