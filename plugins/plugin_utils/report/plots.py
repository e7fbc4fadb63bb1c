# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plots of a report: share over time, failures and latency of both sides in a
step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE
from ansible_collections.hal9.migrate.plugins.plugin_utils.report import words
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.facts import (
    Facts,
    StepFacts,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.plot import (
    Band,
    Line,
    Mark,
    Plot,
    draw,
    rounded,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.series import (
    SideSpan,
    Span,
)


def share_plot(facts: Facts) -> str:
    """Return the share of users on new over time, with trips, switches and ways
    back.
    """
    if not facts.shares:
        return ""
    start = facts.shares[0].at
    end = max(facts.as_of, start + 1.0)
    pairs = [(start, 0.0)]
    pairs += [(point.at, point.share / WHOLE * 100) for point in facts.shares]
    pairs.append((end, pairs[-1][1]))
    return draw(
        Plot(
            "Share of users on new over time",
            start,
            end,
            100,
            lambda value: f"{value:g} %",
            words.clock,
            [Line("new", "new", pairs, stepped=True, filled=True)],
            marks=_marks(facts),
        )
    )


def _marks(facts: Facts) -> list[Mark]:
    trips = [Mark(p.at, "trip", "bad") for p in facts.shares if p.tripped]
    turns = [Mark(s.at, f"{s.authority} is written", "good") for s in facts.switches]
    tripped = {mark.at for mark in trips}
    back = [
        Mark(incident.at, "back", "bad")
        for incident in facts.incidents
        if all(abs(incident.at - at) > 5 for at in tripped)
    ]
    return [*trips, *turns, *back]


def failure_plot(step: StepFacts) -> str:
    """Return the part of failed requests of both sides in a step."""
    lines = [
        Line("new", "new", _rates([(s, s.new) for s in step.spans])),
        Line("legacy", "legacy", _rates([(s, s.legacy) for s in step.spans])),
    ]
    top = max((value for line in lines for _at, value in line.pairs), default=0.0)
    if top == 0:
        return ""
    title = "Failed requests of both sides, masked ones included"
    return _drawn(title, step, lines, (), max(top, 0.1), "%")


def _rates(sides: Sequence[tuple[Span, SideSpan]]) -> list[tuple[float, float]]:
    return [
        (span.end, side.failure_rate * 100)
        for span, side in sides
        if side.failure_rate is not None
    ]


def latency_plot(step: StepFacts) -> str:
    """Return the p99 of both sides within each span of a step."""
    lines = [
        Line("new", "new", _values((s.end, s.new.p99_ms) for s in step.spans)),
        Line("legacy", "legacy", _values((s.end, s.legacy.p99_ms) for s in step.spans)),
    ]
    values = [value for line in lines for _at, value in line.pairs]
    top = max(max(values, default=0.0) * 1.1, 1.0)
    return _drawn("p99 of the answers of both sides", step, lines, (), top, "ms")


def _values(
    found: Iterable[tuple[float, float | None]],
) -> list[tuple[float, float]]:
    return [(at, value) for at, value in found if value is not None]


def band_plot(step: StepFacts) -> str:
    """Return the p99 of both sides since the step began, each with its band."""
    sides = (
        ("new", [(span.end, span.new.p99_since) for span in step.spans]),
        ("legacy", [(span.end, span.legacy.p99_since) for span in step.spans]),
    )
    lines = [
        Line(name, name, [(at, seen.value) for at, seen in found if seen])
        for name, found in sides
    ]
    values = [value for line in lines for _at, value in line.pairs]
    top = rounded(max(max(values, default=0.0) * 1.5, 1.0))
    bands = [
        Band(name, [(at, seen.low, seen.high or top) for at, seen in found if seen])
        for name, found in sides
    ]
    title = "p99 since the step began, with 95 % bands"
    return _drawn(title, step, lines, bands, top, "ms")


def _drawn(
    title: str,
    step: StepFacts,
    lines: Sequence[Line],
    bands: Sequence[Band],
    top: float,
    unit: str,
) -> str:
    if not any(line.pairs for line in lines):
        return ""
    start, end = step.spans[0].start, step.spans[-1].end
    return draw(
        Plot(
            title,
            start,
            end,
            rounded(top),
            lambda value: f"{value:.3g} {unit}",
            words.clock,
            lines,
            bands,
        )
    )
