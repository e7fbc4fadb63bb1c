# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module `phase` is asked, carried out on the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_access import (
    access,
    plain,
    plain_lock,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.phase_options import (
    Request,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core import (
    transitions as rules,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Position
from ansible_collections.hal9.migrate.plugins.module_utils._core.ledger import Outcome
from ansible_collections.hal9.migrate.plugins.module_utils._core.observed import (
    Routers,
    observed,
    readable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.plan import (
    Step,
    committed,
    remaining,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.rollback_targets import (
    target_of,
)

WAYS_BACK = ("abort", "adopt", "rolled_back")

SLACK_SECONDS = 600.0
UNBOUNDED_SECONDS = 3600.0
"""What is added to a step's soak when it has no deadline."""


def carry_out(params: Mapping[str, Any], *, is_dry: bool) -> dict[str, Any]:
    """Do what the module is asked and return its result; nothing is written when
    ``is_dry``.
    """
    with access(params, writing=not is_dry) as way:
        routers = _routers(params)
        request = Request(way, params, routers, is_dry)
        outcome = _STATES[params["state"]](request)
        return _result(request, outcome)


def _routers(params: Mapping[str, Any]) -> Routers:
    """Return the readings; an unreadable one is refused, but never by a way back."""
    if params["state"] in WAYS_BACK:
        return readable(params["observed"])
    return tuple(observed(reading) for reading in params["observed"])


def _begin(request: Request) -> Outcome:
    ledger, step = request.way.ledger, request.step()
    migration, routers = request.way.migration, request.routers

    def decide(position: Position) -> rules.Change | None:
        return rules.begin(migration, position, step, ledger.run, routers)

    if request.is_dry:
        return ledger.prospect(decide, start=_assumed(request, step))
    policy = step.policy
    bound = policy.max_seconds or policy.min_seconds + UNBOUNDED_SECONDS
    return ledger.begin(decide, routers, bound + SLACK_SECONDS)


def _assumed(request: Request, step: Step) -> Position:
    """Return the position, or in the dry run of a whole plan the one just before the
    step.
    """
    position, migration = request.way.ledger.position(), request.way.migration
    earlier = [
        other for other in remaining(migration, position) if other.place < step.place
    ]
    if not request.params["assume_earlier"] or not earlier:
        return position
    last = earlier[-1]
    switched = bool(migration.state) and last.phase.rank >= Phase.STATE.rank
    return replace(
        position,
        phase=last.phase,
        step=last.index,
        share=last.share,
        epoch=position.epoch + len(earlier),
        authority="new" if switched else position.authority,
        intent=None,
    )


def _commit(request: Request) -> Outcome:
    step, way = request.step(), request.way
    proof = rules.Proof(request.evidence, request.params["seconds"])

    def decide(position: Position) -> rules.Change | None:
        return rules.commit(
            way.migration, position, step, way.ledger.run, proof, request.routers
        )

    if request.is_dry:
        return _imagined_end(request, step)
    return way.ledger.end(decide)


def _imagined_end(request: Request, step: Step) -> Outcome:
    """Return in check mode what a commit would be, though nothing was begun."""
    position = request.way.ledger.position()
    if step in committed(request.way.migration, position):
        return Outcome(position, position, changed=False)
    after = replace(
        position,
        phase=step.phase,
        step=step.index,
        share=step.share,
        fallback=step.fallback,
        epoch=position.epoch + 1,
        intent=None,
    )
    return Outcome(position, after, changed=True)


def _fail(request: Request) -> Outcome:
    step, way, trigger = request.step(), request.way, request.params["trigger"]
    return request.record(
        lambda position: rules.fail(
            way.migration, position, step, way.ledger.run, request.reason, trigger
        )
    )


def _rolled_back(request: Request) -> Outcome:
    way, routers = request.way, request.routers
    target = target_of(request.params)
    cause = rules.Cause(request.params["trigger"], request.reason, request.evidence)
    return request.fence(
        lambda position: rules.go_back(
            way.migration, position, target, cause, way.ledger.run, routers
        ),
        lambda position: rules.adopt(position, routers),
    )


def _abort(request: Request) -> Outcome:
    way, routers = request.way, request.routers
    noted = request.record(lambda position: rules.aborted(position, request.reason))
    outcome = request.fence(
        lambda position: rules.abort(way.migration, position, request.reason, routers),
        lambda position: rules.adopt(position, routers),
    )
    return replace(outcome, before=noted.before)


def _release(request: Request) -> Outcome:
    way, routers = request.way, request.routers
    return request.fence(
        lambda position: rules.release(way.migration, position, routers),
        lambda position: rules.adopt(position, routers),
    )


def _adopt(request: Request) -> Outcome:
    way, routers = request.way, request.routers

    def decide(position: Position) -> rules.Change | None:
        return rules.adopt_all(way.migration, position, routers)

    if request.is_dry:
        return way.ledger.prospect(way.ledger.adopts_end, decide, decide, decide)
    return request.fence(lambda _position: None, decide)


def _pause(request: Request) -> Outcome:
    migration, reason = request.way.migration, request.reason
    return request.record(lambda position: rules.pause(migration, position, reason))


def _hold(request: Request) -> Outcome:
    migration = request.way.migration
    return request.record(lambda position: rules.hold(migration, position))


def _resume(request: Request) -> Outcome:
    return request.record(rules.resume)


def _validated(request: Request) -> Outcome:
    migration, evidence = request.way.migration, request.evidence
    return request.record(
        lambda position: rules.validate(migration, position, evidence)
    )


def _finalise(request: Request) -> Outcome:
    migration = request.way.migration
    return request.record(lambda position: rules.finalise(migration, position))


def _note(request: Request) -> Outcome:
    body = {**request.evidence, "text": request.reason}
    return request.record(lambda _position: rules.Change("note", body))


def _switched(request: Request) -> Outcome:
    authority = request.params["authority"]
    if authority is None:
        raise InvalidSpec("Refused switched: name the `authority`.", path="authority")
    names = [item.name for item in request.way.migration.state]
    said = request.evidence
    facts = said if "item" in said else {**said, "items": names}
    return request.record(lambda position: rules.switch(position, authority, facts))


def _tripped(request: Request) -> Outcome:
    evidence = request.evidence
    failures = evidence.get("failures", 0)
    return request.record(
        lambda position: rules.trip(position, request.params["by"], failures, evidence)
    )


_STATES: Mapping[str, Callable[[Request], Outcome]] = {
    "abort": _abort,
    "adopt": _adopt,
    "begin": _begin,
    "commit": _commit,
    "fail": _fail,
    "finalise": _finalise,
    "hold": _hold,
    "note": _note,
    "pause": _pause,
    "release": _release,
    "resume": _resume,
    "rolled_back": _rolled_back,
    "switched": _switched,
    "tripped": _tripped,
    "validated": _validated,
}


def _result(request: Request, outcome: Outcome) -> dict[str, Any]:
    """Return the module's result."""
    before, after = plain(outcome.before), plain(outcome.after)
    authority = request.params["authority"] or outcome.after.authority
    return {
        "changed": outcome.changed,
        "skip": _is_skipped(request, outcome),
        "epoch": after["epoch"],
        "share": after["share"],
        "fallback": after["fallback"],
        "head": after["head"],
        "authority": authority,
        "position": after,
        "lock": plain_lock(outcome.lock),
        "diff": {"before": before, "after": after} if outcome.changed else {},
    }


def _is_skipped(request: Request, outcome: Outcome) -> bool:
    """Say whether a begin or a commit found its step committed already."""
    begins = request.params["state"] in ("begin", "commit")
    return begins and not outcome.changed and not _is_in_flight(request, outcome.after)


def _is_in_flight(request: Request, position: Position) -> bool:
    """Say whether a begin found its own step in flight: it is not finished, so not
    skipped.
    """
    if request.params["state"] != "begin" or position.intent is None:
        return False
    step, intent = request.step(), position.intent
    return (intent.phase, intent.step) == (step.phase, step.index)
