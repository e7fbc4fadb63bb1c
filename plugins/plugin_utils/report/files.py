# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write reports to a directory: a page and a document each, replaced whole."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report import pages
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.facts import (
    Facts,
)

SCOPES = ("all", "whole", "phase", "step", "incident")


@dataclass(frozen=True)
class Report:
    """One report before it is a file: its name, its page and its document."""

    name: str
    html: str
    json: str

    def files(self) -> tuple[tuple[str, str], tuple[str, str]]:
        """Return the names and contents of its two files."""
        return (f"{self.name}.html", self.html), (f"{self.name}.json", self.json)


def reports(facts: Facts, scope: str) -> tuple[Report, ...]:
    """Return the reports of a scope; incidents are all there were, the latest last."""
    makers = {
        "whole": _whole,
        "phase": _phases,
        "step": _steps,
        "incident": _incidents,
    }
    wanted = [make for name, make in makers.items() if scope in ("all", name)]
    return tuple(report for make in wanted for report in make(facts))


def _whole(facts: Facts) -> Iterator[Report]:
    document = {**asdict(facts), "totals": asdict(facts.totals)}
    yield Report(f"{facts.migration}-report", pages.whole_page(facts), _json(document))


def _phases(facts: Facts) -> Iterator[Report]:
    for phase in dict.fromkeys(step.phase for step in facts.steps):
        steps = [asdict(step) for step in facts.steps if step.phase == phase]
        document = {"migration": facts.migration, "phase": phase, "steps": steps}
        page = pages.phase_page(facts, phase)
        yield Report(f"{facts.migration}-phase-{phase}", page, _json(document))


def _steps(facts: Facts) -> Iterator[Report]:
    for step in facts.steps:
        document = {"migration": facts.migration, **asdict(step)}
        name = f"{facts.migration}-step-{step.sequence}-{step.phase}-{step.step + 1}"
        yield Report(name, pages.step_page(facts, step), _json(document))


def _incidents(facts: Facts) -> Iterator[Report]:
    for incident in facts.incidents:
        document = {
            "migration": facts.migration,
            "summary": incident.summary,
            **asdict(incident),
        }
        name = f"{facts.migration}-incident-{incident.sequence}"
        yield Report(name, pages.incident_page(facts, incident), _json(document))


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write(made: tuple[Report, ...], directory: Path, *, is_dry: bool) -> list[str]:
    """Write what differs from what is there, and return the paths that changed."""
    changed = []
    try:
        if not is_dry:
            directory.mkdir(parents=True, exist_ok=True, mode=0o750)
        for report in made:
            for name, content in report.files():
                if _differs(directory / name, content):
                    changed.append(str(directory / name))
                    if not is_dry:
                        _replace(directory / name, content)
    except OSError as error:
        raise MigrateError(
            f"The report cannot be written to {directory}: {error.strerror}. Name a"
            " directory that this user may write to, as `reports` of the declaration or"
            " with `hal9-migrate report --output DIRECTORY`.",
            directory=str(directory),
        ) from error
    return changed


def _differs(path: Path, content: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") != content
    except FileNotFoundError:
        return True


def _replace(path: Path, content: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".report-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(content)
            os.fchmod(stream.fileno(), 0o640)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
