# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages: self-contained HTML from templates that escape everything they are
given.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ansible_collections.hal9.migrate.plugins.plugin_utils.report import (
    plots,
    words,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.facts import (
    Facts,
    Incident,
    StepFacts,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.precheck import (
    Precheck,
)

TEMPLATES = Path(__file__).parent / "templates"


def _environment() -> Environment:
    pages = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("share", "phase", "clock", "date", "duration", "number"):
        pages.filters[name] = getattr(words, name)
    for draw in (
        plots.share_plot,
        plots.failure_plot,
        plots.latency_plot,
        plots.band_plot,
    ):
        pages.globals[draw.__name__] = _drawing(draw)
    return pages


def _drawing(draw: Callable[[Any], str]) -> Callable[[Any], Markup]:
    def drawn(subject: Any) -> Markup:
        # SVG in which every text was escaped already.
        return Markup(draw(subject))  # noqa: S704

    return drawn


def _page(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


def whole_page(facts: Facts) -> str:
    """Return the report of the migration so far; the final one when it is done."""
    return _page("whole.html.j2", facts=facts)


def phase_page(facts: Facts, phase: str) -> str:
    """Return the report of one phase."""
    steps = [step for step in facts.steps if step.phase == phase]
    return _page("phase.html.j2", facts=facts, phase_name=phase, steps=steps)


def step_page(facts: Facts, step: StepFacts) -> str:
    """Return the report of one try of one step."""
    return _page("step.html.j2", facts=facts, step=step)


def incident_page(facts: Facts, incident: Incident) -> str:
    """Return the report of one way back."""
    return _page("incident.html.j2", facts=facts, incident=incident)


def precheck_page(found: Precheck) -> str:
    """Return the page of a pre-check."""
    return _page("precheck.html.j2", found=found)
