# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a request to roll back leads when it says little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE
from ansible_collections.hal9.migrate.plugins.module_utils._core.way_back import (
    Kind,
    Target,
)

DEFAULTS: Mapping[str, Kind] = {
    "abort": "committed",
    "emergency": "zero",
    "gate": "committed",
    "operator": "previous",
    "trip": "zero",
}
"""A failed gate returns to the last committed step, a trip to share 0, an operator to
the phase before.
"""


def target_of(params: Mapping[str, Any]) -> Target:
    """Return the target of a rollback: one of `target`, `phase` and `share`, or the
    trigger's own.
    """
    named, phase, share = params["target"], params["phase"], params["share"]
    if sum(value is not None for value in (named, phase, share)) > 1:
        raise InvalidSpec(
            "Refused the rollback: `target`, `phase` and `share` exclude each other. "
            "Pass one of them.",
            path="target",
        )
    if share is not None and not 0 <= share <= WHOLE:
        raise InvalidSpec(
            f"Refused the rollback to share {share}: buckets run from 0 to {WHOLE}.",
            path="share",
            value=share,
            allowed=f"0..{WHOLE}",
        )
    with_state = params["authority"] == "legacy"
    if phase is not None:
        return Target("phase", phase=Phase(phase), with_state=with_state)
    if share is not None:
        return Target("share", share=share, with_state=with_state)
    kind: Kind = named or DEFAULTS[params["trigger"]]
    return Target(kind, with_state=with_state)
