# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an option accepts: percentages, durations, targets of a rollback, reasons."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.libraries import click

PHASES = ("shadow", "canary", "state", "ramp-up", "full")
PLACES = ("previous", "committed", "zero")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Percentage(click.ParamType):  # type: ignore[type-arg]
    """A number from 0 to 100, with or without the sign."""

    name = "percentage"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002 (click gives it)
        ctx: click.Context | None,  # noqa: ARG002 (click gives it)
    ) -> float:
        """Return the number, or refuse."""
        text = str(value).strip().removesuffix("%")
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number <= 100:
            self.fail(f"{value} is not a percentage from 0 to 100, such as 25 or 25%.")
        return int(number) if number.is_integer() else number


class Duration(click.ParamType):  # type: ignore[type-arg]
    """A duration with a unit: 90s, 10m, 2h."""

    name = "duration"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002 (click gives it)
        ctx: click.Context | None,  # noqa: ARG002 (click gives it)
    ) -> float:
        """Return seconds, or refuse."""
        if isinstance(value, (int, float)):
            return value
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", str(value).strip())
        if not found:
            self.fail(f"{value} is not a duration, such as 90s, 10m or 2h.")
        return float(found[1]) * _UNITS[found[2]]


class Target(click.ParamType):  # type: ignore[type-arg]
    """Where a rollback goes: a word, a phase, or a percentage with its sign."""

    name = "previous|PHASE|N%"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str:
        """Return the target in the playbook's spelling, or refuse."""
        text = str(value).strip()
        if text in (*PLACES, *PHASES):
            return text.replace("-", "_")
        if text.endswith("%"):
            return f"{Percentage().convert(text, param, ctx):g}%"
        return self.fail(
            f"{value} is no target. Give one of {', '.join((*PLACES, *PHASES))}, or a"
            " percentage such as 25%."
        )
