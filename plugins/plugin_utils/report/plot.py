# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plots as SVG text: lines, bands, steps and marks over time; colours come from the
page's style.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from math import floor, log10

WIDTH, HEIGHT = 760, 200
LEFT, RIGHT, TOP, BOTTOM = 58, 64, 12, 26

Pairs = Sequence[tuple[float, float]]
Words = Callable[[float], str]


@dataclass(frozen=True)
class Line:
    """One line over time; ``stepped`` holds each value until the next one."""

    name: str
    style: str
    pairs: Pairs
    stepped: bool = False
    filled: bool = False


@dataclass(frozen=True)
class Band:
    """Where a value may lie: times, lower and upper edges."""

    style: str
    edges: Sequence[tuple[float, float, float]]


@dataclass(frozen=True)
class Mark:
    """A moment worth a vertical line."""

    at: float
    name: str
    style: str


@dataclass(frozen=True)
class Plot:
    """One plot; ``limit`` is drawn as a dashed line with its name."""

    title: str
    start: float
    end: float
    top: float
    value: Words
    time: Words
    lines: Sequence[Line]
    bands: Sequence[Band] = ()
    marks: Sequence[Mark] = ()
    limit: float | None = None
    ticks: int = field(default=4)

    def x(self, at: float) -> float:
        """Return the place of a time."""
        whole = (self.end - self.start) or 1.0
        part = min(1.0, max(0.0, (at - self.start) / whole))
        return LEFT + part * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Return the place of a value; what is above the top is drawn at the top."""
        part = min(1.0, max(0.0, value / (self.top or 1.0)))
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)


def rounded(top: float) -> float:
    """Return the next number that four ticks divide well."""
    scale = 10.0 ** floor(log10(top)) if top > 0 else 1.0
    steps = (1, 2, 4, 6, 8, 10)
    return next(step * scale for step in steps if step * scale >= top * 0.999)


def draw(plot: Plot) -> str:
    """Return the plot as one SVG element."""
    parts = [
        *_grid(plot),
        *(_band(plot, band) for band in plot.bands if band.edges),
        *_limit(plot),
        *(_mark(plot, mark) for mark in plot.marks),
        *(_line(plot, line) for line in plot.lines if line.pairs),
        *_names(plot),
    ]
    title = escape(plot.title)
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def _grid(plot: Plot) -> list[str]:
    parts = []
    for tick in range(plot.ticks + 1):
        value = plot.top * tick / plot.ticks
        y, end = plot.y(value), WIDTH - RIGHT
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{end}"/>')
        parts.append(_text(LEFT - 6, y + 4, plot.value(value), "axis end"))
    for tick in range(5):
        at = plot.start + (plot.end - plot.start) * tick / 4
        parts.append(_text(plot.x(at), HEIGHT - 7, plot.time(at), "axis middle"))
    return parts


def _text(x: float, y: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _path(plot: Plot, line: Line) -> str:
    points = [(plot.x(at), plot.y(value)) for at, value in line.pairs]
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for x, y in points[1:]:
        path += f"H{x:.1f}V{y:.1f}" if line.stepped else f"L{x:.1f} {y:.1f}"
    return path


def _line(plot: Plot, line: Line) -> str:
    path = _path(plot, line)
    drawn = f'<path class="line {line.style}" d="{path}"/>'
    if not line.filled:
        return drawn
    first, last = plot.x(line.pairs[0][0]), plot.x(line.pairs[-1][0])
    foot = plot.y(0)
    area = f"{path}H{last:.1f}V{foot:.1f}H{first:.1f}Z"
    return f'<path class="area {line.style}" d="{area}"/>{drawn}'


def _band(plot: Plot, band: Band) -> str:
    upper = [f"{plot.x(at):.1f} {plot.y(high):.1f}" for at, _low, high in band.edges]
    lower = [f"{plot.x(at):.1f} {plot.y(low):.1f}" for at, low, _high in band.edges]
    path = "M" + "L".join([*upper, *reversed(lower)]) + "Z"
    return f'<path class="area {band.style}" d="{path}"/>'


def _limit(plot: Plot) -> list[str]:
    if plot.limit is None or plot.limit > plot.top:
        return []
    y = plot.y(plot.limit)
    line = f'<path class="limit" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
    return [line, _text(LEFT + 4, y - 4, f"limit {plot.value(plot.limit)}", "axis")]


def _mark(plot: Plot, mark: Mark) -> str:
    x = plot.x(mark.at)
    line = f'<path class="mark {mark.style}" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
    style = "axis" if x < WIDTH * 0.7 else "axis end"
    shift = 4 if x < WIDTH * 0.7 else -4
    name = escape(mark.name)
    return f"{line}{_text(x + shift, TOP + 9, mark.name, style)}<title>{name}</title>"


def _names(plot: Plot) -> list[str]:
    """Name each line at its end, apart from each other; a single line needs no name."""
    drawn = [line for line in plot.lines if line.pairs]
    if len(drawn) < 2:
        return []
    parts, highest = [], float(HEIGHT)
    for line in sorted(drawn, key=lambda line: -plot.y(line.pairs[-1][1])):
        at, value = line.pairs[-1]
        highest = min(plot.y(value) + 4, highest - 13)
        parts.append(_text(plot.x(at) + 6, highest, line.name, f"name {line.style}"))
    return parts
