# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a report says things: events as sentences, states, figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE

Raw = Mapping[str, Any]
GOOD = ("step_committed", "validated", "finalised", "released", "switched")
BAD = ("step_failed", "rolled_back", "tripped", "aborted")
FRACTIONS = ("error_rate", "shadow_match", "completeness")


def share(buckets: Any) -> str:
    """Return a share as a percentage."""
    return f"{float(buckets) * 100 / WHOLE:g} %"


def phase(name: Any) -> str:
    """Return a phase as operators write it."""
    return str(name).replace("_", "-")


def clock(at: Any) -> str:
    """Return the time of day in UTC."""
    return datetime.fromtimestamp(float(at), timezone.utc).strftime("%H:%M:%S")


def date(at: Any) -> str:
    """Return date and time in UTC."""
    moment = datetime.fromtimestamp(float(at), timezone.utc)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(seconds: Any) -> str:
    """Return seconds in the unit that reads best."""
    if seconds is None:
        return "not ended"
    value = float(seconds)
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.0f} s"
    if value < 7200:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h" if value < 172800 else f"{value / 86400:.1f} days"


def number(value: Any) -> str:
    """Return a count with separators, or that it is not known."""
    return "not known" if value is None else f"{int(value):,}"


def metric_value(name: str, value: float) -> str:
    """Return a metric with its unit."""
    if name in FRACTIONS:
        return f"{value:.4%}"
    if name.endswith("_ms"):
        return f"{value:.3g} ms"
    if name == "seconds":
        return duration(value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"


def tone(kind: str, body: Raw) -> str:
    """Return how an event is meant: good, bad or plain."""
    if kind == "precheck":
        return "good" if body.get("ok") else "bad"
    return "good" if kind in GOOD else ("bad" if kind in BAD else "plain")


def state_text(position: Raw) -> str:
    """Return the state of a migration in a few words."""
    if position.get("finalised"):
        return "finalised: there is no way back any more"
    if position.get("tripped_by"):
        return f"tripped by {position['tripped_by']}: every user is on legacy"
    if position.get("intent"):
        intent = position["intent"]
        return (
            f"in flight: {phase(intent.get('phase'))} {share(intent.get('share', 0))}"
        )
    if position.get("phase") == "done":
        return "done: every user is on new"
    if position.get("paused"):
        return "paused"
    where = phase(position.get("phase", "idle"))
    if where == "idle":
        return "not begun"
    return f"{where}, step {int(position.get('step', 0)) + 1} is committed"


def moment_text(kind: str, body: Raw) -> str:
    """Return an event as one sentence."""
    teller = _SENTENCES.get(kind)
    told = teller(body) if teller else kind.replace("_", " ")
    reason = body.get("reason") or body.get("text")
    return f"{told}: {reason}" if reason else told


def _step(body: Raw) -> str:
    where = f"{phase(body.get('phase', ''))} {share(body.get('share', 0))}"
    return f"{where}, epoch {body['epoch']}" if "epoch" in body else where


def _switched(body: Raw) -> str:
    told = f"{body.get('item', 'state')}: {body.get('authority')} is written now"
    pause = body.get("write_pause_ms")
    if pause is None:
        return told
    return f"{told}, writes paused {duration(float(pause) / 1000)}"


def _flag(body: Raw) -> str:
    part = body.get("percentage")
    whom = "" if part is None else f" for {part:g} %"
    return f"Flag {body.get('flag')} turned to {body.get('variant')}{whom}"


def _adopted(body: Raw) -> str:
    lost = body.get("head") or {}
    if body.get("routers"):
        return f"Adopted what the routers hold, epoch {body.get('epoch', '?')}"
    return f"Gone on without the end that is lost, event {lost.get('sequence', '?')}"


_SENTENCES: Mapping[str, Callable[[Raw], str]] = {
    "step_begun": lambda body: f"Step begun: {_step(body)}",
    "step_committed": lambda body: (
        f"Step committed: {_step(body)}, verdict {body.get('verdict') or 'none'}"
    ),
    "step_failed": lambda body: f"Step failed: {phase(body.get('phase', ''))}",
    "rolled_back": lambda body: (
        f"Rolled back to {_step(body)}, by {body.get('trigger') or 'unknown'}"
    ),
    "tripped": lambda body: f"Tripped by {body.get('by')}: every user is on legacy",
    "released": lambda _body: "Trip released",
    "switched": _switched,
    "flag_turned": _flag,
    "precheck": lambda body: f"Pre-check {'green' if body.get('ok') else 'red'}",
    "adopted": _adopted,
    "sign_off": lambda body: f"Signed off by {body.get('by', 'unknown')}",
}
