# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module `phase`, and one request read from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_access import (
    SECRETS,
    Access,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.ledger import (
    Decide,
    Outcome,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.observed import Routers
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import (
    Step,
    step_at,
    step_named,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE

STATES = [
    "begin",
    "commit",
    "fail",
    "rolled_back",
    "hold",
    "pause",
    "resume",
    "abort",
    "release",
    "validated",
    "finalise",
    "note",
    "adopt",
    "switched",
    "tripped",
]
TRIGGERS = ["operator", "gate", "trip", "abort", "emergency"]

OPTIONS: Mapping[str, Any] = {
    **SECRETS,
    "migration": {"type": "dict", "required": True},
    "state": {"type": "str", "required": True, "choices": list(STATES)},
    "phase": {"type": "str", "choices": [phase.value for phase in Phase]},
    "step": {"type": "int"},
    "share": {"type": "int"},
    "run": {"type": "str"},
    "reason": {"type": "str", "default": ""},
    "trigger": {"type": "str", "default": "operator", "choices": TRIGGERS},
    "target": {"type": "str", "choices": ["committed", "previous", "zero"]},
    "authority": {"type": "str", "choices": ["legacy", "new"]},
    "by": {
        "type": "str",
        "default": "router",
        "choices": ["router", "operator", "gate"],
    },
    "evidence": {"type": "dict", "default": {}},
    "seconds": {"type": "float", "default": 0.0},
    "observed": {"type": "list", "elements": "dict", "default": []},
    "assume_earlier": {"type": "bool", "default": False},
}


@dataclass(frozen=True)
class Request:
    """One request, its parts read."""

    way: Access
    params: Mapping[str, Any]
    routers: Routers
    is_dry: bool

    @property
    def reason(self) -> str:
        """The reason given, without secrets."""
        return str(self.way.clean(self.params["reason"]))

    @property
    def evidence(self) -> Mapping[str, Any]:
        """The evidence given, without secrets."""
        return self.way.clean(self.params["evidence"]) or {}

    def step(self) -> Step:
        """Return the step that phase, number and share name."""
        named, index, share = (self.params[key] for key in ("phase", "step", "share"))
        if named is None:
            raise InvalidSpec(
                f"Refused {self.params['state']}: name the `phase`, and its `step`.",
                path="phase",
            )
        migration, phase = self.way.migration, Phase(named)
        if index is None:
            percentage = None if share is None else share * 100 / WHOLE
            return step_named(migration, phase, percentage)
        step = step_at(migration, phase, index)
        if share not in (None, step.share):
            raise InvalidSpec(
                f"Refused {step.title}: its share is declared as {step.share}, "
                f"and {share} was passed. Leave `share` out.",
                path="share",
                value=share,
                allowed=step.share,
            )
        return step

    def record(self, decide: Decide) -> Outcome:
        """Append one event, or imagine it in check mode."""
        ledger = self.way.ledger
        return ledger.prospect(decide) if self.is_dry else ledger.record(decide)

    def fence(self, decide: Decide, adopting: Decide) -> Outcome:
        """Go back, or imagine it in check mode."""
        ledger = self.way.ledger
        if self.is_dry:
            return ledger.prospect(ledger.adopts_end, adopting, adopting, decide)
        return ledger.fence(adopting, decide)
