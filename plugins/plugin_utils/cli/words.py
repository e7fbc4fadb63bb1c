# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How figures are written for people: shares, durations, times, metrics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE

FRACTIONS = ("error_rate", "shadow_match", "completeness", "slow_rate")
"""Metrics that are kept as fractions and shown as percentages."""


def share(buckets: Any) -> str:
    """Return a share of buckets as a percentage: 2500 is 25%."""
    return f"{float(buckets) * 100 / WHOLE:g}%"


def phase(name: Any) -> str:
    """Return a phase as operators type it: ramp-up."""
    return str(getattr(name, "value", name)).replace("_", "-")


def duration(seconds: Any) -> str:
    """Return seconds in the unit that reads best."""
    value = float(seconds)
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 90:
        return f"{value:.0f} s"
    if value < 5400:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h" if value < 172800 else f"{value / 86400:.1f} d"


def clock(at: Any) -> str:
    """Return an epoch time as date and time in UTC."""
    moment = datetime.fromtimestamp(float(at), timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def size(count: Any) -> str:
    """Return bytes in the unit that reads best."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def metric(name: str, value: Any) -> str:
    """Return one metric with its unit: p99_ms 41.2 is 'p99 41.2 ms'."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return f"{name} {value}"
    if name.startswith(FRACTIONS):
        return f"{name.replace('_', ' ')} {value * 100:.4g}%"
    if name.endswith("_ms"):
        return f"{name[:-3].replace('_', ' ')} {value:.4g} ms"
    if float(value).is_integer():
        return f"{name.replace('_', ' ')} {int(value):,}"
    return f"{name.replace('_', ' ')} {value:.4g}"


HEADLINES = (
    "requests", "failures", "error_rate", "p50_ms", "p99_ms", "shadow_match",
    "completeness",
)  # fmt: skip
"""The metrics of a gate that fit on one line; a report shows all of them."""


def metrics(values: Mapping[str, Any]) -> str:
    """Return the telling metrics of a reading on one line."""
    return ", ".join(metric(name, values[name]) for name in HEADLINES if name in values)


def event(kind: str, body: Mapping[str, Any]) -> str:
    """Return what an event of the journal says, in a few words."""
    parts = []
    if body.get("phase"):
        parts.append(phase(body["phase"]))
    if "share" in body:
        parts.append(share(body["share"]))
    told = (
        "verdict", "trigger", "by", "reason", "text", "flag", "variant",
        "command", "backup", "id", "checkpoint",
    )  # fmt: skip
    parts += [str(body[name]) for name in told if body.get(name)]
    if kind == "switched":
        parts.append(f"to {body.get('authority')}")
    if body.get("write_pause_ms") is not None:
        parts.append(f"write pause {duration(float(body['write_pause_ms']) / 1000)}")
    return ", ".join(parts)
