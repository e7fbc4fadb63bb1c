# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runner's events as plain lines: what an operator wants to know while a playbook
works.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Callable

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import (
    transfers,
    words,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.state_lines import (
    Line,
    Teller,
    Tone,
    dry_replication,
    reconciled,
    replication,
    verified,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.wrapped import (
    unwrapped,
)


@dataclass
class Progress:
    """Turns events into lines; it remembers the last position, so that it can tell
    what changed.
    """

    verbosity: int = 0
    is_dry: bool = False
    position: Mapping[str, Any] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    failure: list[Line] = field(default_factory=list)

    def lines(self, event: Mapping[str, Any]) -> list[Line]:
        """Return what there is to say about one event; usually nothing.

        A failure is said when something follows it; one that ends the run is its error.
        """
        lines = self._heard(event)
        if not lines:
            return []
        lines, self.failure = [*self.failure, *lines], []
        return lines

    def _heard(self, event: Mapping[str, Any]) -> list[Line]:
        kind, data = event.get("event"), event.get("event_data") or {}
        result = data.get("res") or {}
        if kind == "playbook_on_task_start" and self.verbosity > 0:
            return [Line(f"  task: {data.get('name', '')}", "faint")]
        if kind == "runner_on_failed" and not data.get("ignore_errors"):
            self.failure = self._once(str(data.get("host")), _failed(data, result))
            return []
        if kind == "runner_on_unreachable":
            text = f"{data.get('host')} cannot be reached: {result.get('msg', '')}"
            return [Line(text.strip(), "bad")]
        if kind in ("runner_on_ok", "runner_item_on_ok", "runner_retry"):
            return self._told(data, result)
        if kind == "verbose":
            return _readings(str(event.get("stdout", "")))
        return []

    def _told(self, data: Mapping[str, Any], result: Mapping[str, Any]) -> list[Line]:
        action = str(data.get("task_action", "")).rpartition(".")[2]
        host = str(data.get("host", ""))
        if action == "phase":
            return self._phase(result)
        tell = _TELLERS.get(action)
        if self.is_dry:
            tell = _DRY_TELLERS.get(action, tell)
        return self._once(f"{action} {host}", tell(host, result)) if tell else []

    def _phase(self, result: Mapping[str, Any]) -> list[Line]:
        position = result.get("position")
        if not isinstance(position, Mapping):
            return []
        before, self.position = self._before(result), position
        if result.get("skip") and not result.get("changed"):
            step = f"{words.phase(position.get('phase'))} step {position.get('step')}"
            return self._once("skip", [Line(f"Already done up to {step}.", "faint")])
        moved = _moved(before, position)
        return [_prospect(line) for line in moved] if self.is_dry else moved

    def _before(self, result: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the new position is held against: in a dry run, where nothing is
        written between two tasks, what the task itself found.
        """
        found = (result.get("diff") or {}).get("before")
        if self.is_dry and found and not self.position.get("intent"):
            return dict(found)
        return self.position

    def _once(self, key: str, lines: list[Line]) -> list[Line]:
        """Leave out what was said last about the same thing."""
        text = "\n".join(line.text for line in lines)
        if not text or self.said.get(key) == text:
            return []
        self.said[key] = text
        return lines


_READING = re.compile(r"gate: .+?: (pass|fail|hold|failed) after ")


def _readings(printed: str) -> list[Line]:
    """Return the readings that a gate printed between its attempts."""
    tones: Mapping[str, Tone] = {"pass": "good", "fail": "bad", "failed": "bad"}
    found = [(line, _READING.match(line)) for line in printed.splitlines()]
    return [
        Line(f"  {line}", tones.get(match[1], "plain"))
        for line, match in found
        if match
    ]


def _failed(data: Mapping[str, Any], result: Mapping[str, Any]) -> list[Line]:
    told = unwrapped(str(result.get("msg") or result.get("censored") or "failed"))
    return [Line(f"{data.get('host')}: {told}", "bad")]


def _moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Line]:
    """Say what became of the position; the first reading of a run says nothing but an
    intent.
    """
    intent = after.get("intent")
    if intent and intent != before.get("intent"):
        where = f"{words.phase(intent.get('phase'))} {words.share(intent['share'])}"
        return [Line(f"Step begun: {where} (epoch {after.get('epoch')}).")]
    if not before:
        return []
    return _told_of_flags(before, after) or _told_of_step(before, after)


def _prospect(line: Line) -> Line:
    """Return what a real run would say, as what it would do."""
    for said, would in _WOULD.items():
        if line.text.startswith(said):
            return replace(line, text=would + line.text[len(said) :])
    return replace(line, text=f"A real run would say: {line.text}")


_WOULD = {
    "Step begun": "Would begin",
    "Committed": "Would be committed, if its gates pass",
    "Rolled back": "Would be rolled back",
    "Recorded": "Would be recorded",
}


def _told_of_flags(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Line]:
    turned = {
        name for name in _FLAGS if bool(before.get(name)) != bool(after.get(name))
    }
    return [
        Line(_FLAGS[name][0 if after.get(name) else 1].format(by=after.get(name)))
        for name in _FLAGS
        if name in turned
    ]


_FLAGS = {
    "tripped_by": ("Tripped by {by}: every user is on legacy.", "Trip released."),
    "paused": ("Paused.", "Resumed."),
    "validated": ("Validated.", "No longer validated."),
    "finalised": ("Finalised: there is no way back now.", ""),
}


def _told_of_step(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Line]:
    here = f"{words.phase(after.get('phase'))} {words.share(after.get('share', 0))}"
    epoch = f"(epoch {after.get('epoch')})"
    place = (after.get("phase"), after.get("step"))
    went_on = place != (before.get("phase"), before.get("step"))
    if went_on and before.get("intent") and _ahead(before, after):
        return [Line(f"Committed: {here} {epoch}.", "good")]
    if went_on or (before.get("intent") and not after.get("intent")):
        return [Line(f"Rolled back to {here} {epoch}.", "bad")]
    return _told_of_items(before, after)


def _told_of_items(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Line]:
    """Say which items of the state the journal has on another side than before."""
    then, now = set(before.get("on_new") or ()), set(after.get("on_new") or ())
    return [
        Line(f"Recorded: {', '.join(sorted(names))} on {side}.", "good")
        for side, names in (("new", now - then), ("legacy", then - now))
        if names
    ]


def _ahead(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    intent = before.get("intent") or {}
    return (after.get("phase"), after.get("step")) == (
        intent.get("phase"),
        intent.get("step"),
    )


def _traffic(host: str, result: Mapping[str, Any]) -> list[Line]:
    after = result.get("after") or {}
    setting = after.get("setting") or {}
    if not result.get("changed") or "share" not in setting:
        return []
    name = after.get("router") or host
    if after.get("trip") or setting.get("tripped"):
        return [Line(f"  {name}: tripped, share 0%.", "bad")]
    told = f"share {words.share(setting['share'])} applied and read back"
    return [Line(f"  {name}: {told} (epoch {setting.get('epoch')}).")]


def _dry_traffic(host: str, result: Mapping[str, Any]) -> list[Line]:
    lines = _traffic(host, result)
    told = ("applied and read back", "would be applied")
    return [Line(line.text.replace(*told), line.tone) for line in lines]


def _gate(_host: str, result: Mapping[str, Any]) -> list[Line]:
    verdict = result.get("verdict")
    if verdict is None:
        return []
    parts = [f"  gate: {verdict}"]
    metrics = result.get("metrics") or (result.get("evidence") or {}).get("metrics")
    if metrics:
        parts.append(words.metrics(metrics))
    if verdict == "hold" and result.get("missing"):
        parts.append("missing " + ", ".join(map(str, result["missing"])))
    if verdict == "hold" and result.get("estimate_seconds") is not None:
        parts.append(f"about {words.duration(result['estimate_seconds'])} to go")
    if result.get("tripped"):
        parts.append(f"the router is tripped by the {result['tripped']}")
    elif verdict == "fail" and result.get("reasons"):
        parts.append(", ".join(map(str, result["reasons"])))
    tone: Mapping[Any, Tone] = {"pass": "good", "fail": "bad"}
    return [Line("; ".join(parts) + ".", tone.get(verdict, "plain"))]


def _transfer(tell: Callable[[Mapping[str, Any]], str], tone: Tone) -> Teller:
    def lines(_host: str, result: Mapping[str, Any]) -> list[Line]:
        text = tell(result)
        return [Line(text, tone)] if text else []

    return lines


_TELLERS: Mapping[str, Teller] = {
    "traffic": _traffic,
    "gate": _gate,
    "replication": replication,
    "replication_info": replication,
    "state_verify": verified,
    "state_reconcile": reconciled("repaired"),
    "state_export": _transfer(transfers.foreseen, "plain"),
    "state_import": _transfer(transfers.foreseen, "plain"),
    "state_export_info": _transfer(transfers.going_on, "plain"),
    "state_export_verify": _transfer(transfers.verified, "plain"),
    "async_status": _transfer(transfers.ended, "good"),
}
_DRY_TELLERS: Mapping[str, Teller] = {
    "traffic": _dry_traffic,
    "replication": dry_replication,
    "state_reconcile": reconciled("would be repaired"),
}
