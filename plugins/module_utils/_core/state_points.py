# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every point of the state phase at which a run can end, and the way back from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_switch import (
    Resume,
    Step,
    Switch,
)

Stage = Literal["linking", "linked", "comparing", "switching", "switched", "going back"]
Kinds = Mapping[str, type[Switch]]
STAGES: Mapping[Stage, tuple[str, str]] = {
    "linking": (
        "new is shut and copied to; legacy is written",
        "nothing to go back from; `state: absent` removes what there is of a link",
    ),
    "linked": ("new follows; legacy is written", "the same"),
    "comparing": ("new follows; legacy is written", "the same"),
    "switching": (
        "the switch is undone or completed, by the table of its engine",
        "it is ended first; completed, it is switched back like any other",
    ),
    "switched": ("new is written; legacy follows it", "switched back"),
    "going back": (
        "the way back is undone or completed, by the same table with the sides "
        "exchanged",
        "the same command again: it is ended first, and made once more when undone",
    ),
}
"""What holds at each, and what going back does there."""


@dataclass(frozen=True)
class Point:
    """One point; ``step`` is one of the switch's, ``is_taken`` whether it had effect.

    ``fate`` is what becomes of a switch that is broken off here.
    """

    stage: Stage
    step: str = ""
    is_taken: bool = False
    fate: Resume | None = None

    @property
    def name(self) -> str:
        """How a row names it."""
        if not self.step:
            return self.stage
        return f"{self.stage}, {'after' if self.is_taken else 'before'} {self.step}"

    @property
    def toward(self) -> Side:
        """Where the switch leads that is broken off here."""
        return "legacy" if self.stage == "going back" else "new"


def points(kind: type[Switch]) -> tuple[Point, ...]:
    """Return every point of an engine's state phase, in order."""
    before: tuple[Stage, ...] = ("linking", "linked", "comparing")
    return (
        *(Point(stage) for stage in before),
        *_broken_off("switching", kind),
        Point("switched"),
        *_broken_off("going back", kind),
    )


def _broken_off(stage: Stage, kind: type[Switch]) -> Iterator[Point]:
    decided = False
    for step in kind.steps:
        yield Point(stage, step.name, is_taken=False, fate=_fate(decided))
        decided = decided or step.name == kind.decided_by
        yield Point(stage, step.name, is_taken=True, fate=_fate(decided))


def _fate(decided: bool) -> Resume:  # noqa: FBT001
    return "complete" if decided else "undo"


HEAD = """# The way back from every point of the state phase

Rendered from the engines' own steps by `python -m tests.reference`; do not edit. At
each of these points a run is killed and gone back from, under a client whose
acknowledged writes are found again exactly once, for every engine
(`tests/integration/state/test_way_back.py`; a sample in `make test`, all of it in
`make chaos`).

The command is the same at every point. It first ends whatever was broken off, then
brings the state back where new is written:

```console
$ hal9-migrate rollback --to zero --with-state
```

For one item it is the module `hal9.migrate.replication` with `state: switched` and
`authority: legacy`. No acknowledged write is lost at any of these points. There is no
way back after `hal9-migrate finalise`.

| killed or failed while | what holds then | going back |
|---|---|---|
"""


def render(kinds: Kinds) -> str:
    """Return the page of all points."""
    rows = [f"| {stage} | {then} | {back} |" for stage, (then, back) in STAGES.items()]
    tables = ["\n".join(_table(name, kinds[name])) for name in sorted(kinds)]
    return HEAD + "\n".join(rows) + "\n\n" + "\n\n".join(tables) + "\n"


def _table(name: str, kind: type[Switch]) -> Iterator[str]:
    """Yield the lines of one engine's table."""
    yield f"## The switch of {name}"
    yield ""
    yield "| step | afterwards | killed before it | killed after it |"
    yield "|---|---|---|---|"
    found = {(p.step, p.is_taken): p.fate for p in _broken_off("switching", kind)}
    for step in kind.steps:
        yield _row(step, found[step.name, False], found[step.name, True])


def _row(step: Step, before: Resume | None, after: Resume | None) -> str:
    words = {"undo": "undone: the source is written", "complete": "completed", None: ""}
    return f"| {step.name} | {step.promise} | {words[before]} | {words[after]} |"
