# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that hold between fields of a declaration; each yields what breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Callable, Protocol

from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
    PhaseSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_backup_fields import (
    backups_are_whole,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_problems import (
    HIDDEN,
    Problem,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_values import (
    percentage,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    FilesItem,
    PgBouncer,
    PostgresItem,
    ServerItem,
    StateItem,
)

DIRECT = "direct"
"""What a writer goes `through` when no PgBouncer carries it."""

Rule = Callable[[Migration], Iterator[Problem]]


def names_are_unique(migration: Migration) -> Iterator[Problem]:
    """Yield every name that is given twice."""
    legacy = _paths("sides.legacy.servers[{}].name", migration.legacy.servers)
    new = _paths("sides.new.servers[{}].name", migration.new.servers)
    bouncers = [
        (f"state[{i}].pgbouncers[{j}].name", bouncer.name)
        for i, item in enumerate(migration.state)
        for j, bouncer in enumerate(_pgbouncers(item))
    ]
    identities = [f"{x.kind} {x.name}".strip() for x in migration.identity]
    for named in (
        legacy + new,
        bouncers,
        _paths("state[{}].name", migration.state),
        _paths("writers[{}].name", migration.writers),
        _paths("backups[{}].name", migration.backups),
        [(f"sign_offs[{i}]", name) for i, name in enumerate(migration.sign_offs)],
        [(f"identity[{i}]", name) for i, name in enumerate(identities)],
    ):
        yield from _repeated(named)


def source_comes_last(migration: Migration) -> Iterator[Problem]:
    """Yield a `source` that hides what stands behind it: every request has a source
    address.
    """
    for index, identity in enumerate(migration.identity[:-1]):
        if identity.kind == "source":
            yield Problem(
                f"identity[{index}]",
                '"source" before other identities',
                "source as the last one, because every request has it",
            )


def lease_is_long_enough(migration: Migration) -> Iterator[Problem]:
    """Yield a lease that a busy controller would lose, or one that nobody would wait
    for.
    """
    if not 3 <= migration.lease.seconds <= 3600:
        yield Problem("lease", f"{migration.lease.seconds}s", "3s to 1h")


def shares_grow(migration: Migration) -> Iterator[Problem]:
    """Yield every share that does not grow within its phase, or from canary to ramp-up
    to full.
    """
    before, where = 0, "0%"
    for phase in migration.phases:
        if phase.phase not in (Phase.CANARY, Phase.RAMP_UP, Phase.FULL):
            continue
        for index, step in enumerate(phase.steps):
            path = f"phases.{phase.phase.value}.steps[{index}].share"
            if step.share <= before:
                yield Problem(
                    path,
                    percentage(step.share),
                    f"more than {where}, the step before it",
                )
            before, where = step.share, percentage(step.share)


def shares_suit_their_phase(migration: Migration) -> Iterator[Problem]:
    """Yield a shadow step with users, a canary or ramp-up of everyone, a full that is
    not.
    """
    for phase in migration.phases:
        for index, step in enumerate(phase.steps):
            path = f"phases.{phase.phase.value}.steps[{index}].share"
            seen = percentage(step.share)
            if phase.phase is Phase.SHADOW and step.share:
                yield Problem(path, seen, "0%: in shadow, new answers no user")
            if phase.phase in (Phase.CANARY, Phase.RAMP_UP) and step.share == WHOLE:
                yield Problem(path, seen, "less than 100%, which is the phase full")
            if phase.phase is Phase.FULL and (step.share < WHOLE or index):
                yield Problem(path, seen, "100% alone")


def soak_ends_before_deadline(migration: Migration) -> Iterator[Problem]:
    """Yield a step that cannot be held as long as it must."""
    for phase in migration.phases:
        for index, step in enumerate(phase.steps):
            most = step.policy.max_seconds
            if most is not None and step.policy.min_seconds > most:
                path = f"phases.{phase.phase.value}.steps[{index}].soak"
                seen = f"{step.policy.min_seconds:g}s"
                yield Problem(path, seen, f"at most the deadline, {most:g}s")


def gates_suit_their_phase(migration: Migration) -> Iterator[Problem]:
    """Yield a limit on something that is not measured in its phase, or a shadow without
    one.
    """
    for phase in migration.phases:
        shadow = phase.phase is Phase.SHADOW
        for index, step in enumerate(phase.steps):
            path = f"phases.{phase.phase.value}.steps[{index}].gates"
            for limit in step.policy.limits:
                if (limit.minimum is not None) is not shadow:
                    yield Problem(f"{path}.{limit.metric}", "a limit", _measured(phase))
            if shadow and "shadow_match" not in {x.metric for x in step.policy.limits}:
                yield Problem(path, "no shadow_match", "a limit on shadow_match")


def _measured(phase: PhaseSpec) -> str:
    if phase.phase is Phase.SHADOW:
        return "shadow_match and completeness: new answers no user yet"
    return "error_rate and latencies such as p99_ms"


def thresholds_suit_their_metric(migration: Migration) -> Iterator[Problem]:
    """Yield a percentage for a latency, or milliseconds for a rate."""
    for index, threshold in enumerate(migration.rollback.thresholds):
        rate = threshold.metric in ("error_rate", "memory", "cpu")
        if rate is not (threshold.maximum < 1):
            allowed = "a percentage such as 0.1%" if rate else "a number such as 50"
            path = f"rollback.automatic[{index}].above"
            yield Problem(
                path, f"{threshold.maximum:g}", f"{allowed} for {threshold.metric}"
            )


def phases_have_their_parts(migration: Migration) -> Iterator[Problem]:
    """Yield a shadow phase without mirror, a state phase without state, and so on."""
    declared = {phase.phase for phase in migration.phases}
    if Phase.SHADOW in declared and migration.shadow is None:
        yield Problem(
            "phases.shadow",
            "a phase",
            "no such phase without `shadow`",
            "Declare shadow.comparator.",
        )
    if Phase.STATE in declared and not migration.state:
        yield Problem(
            "phases.state",
            "a phase",
            "no such phase without `state`",
            "A stateless service leaves it out.",
        )
    turns = migration.flags.turns if migration.flags else ()
    for index, (phase, _flag, _variant) in enumerate(turns):
        if phase not in declared:
            path = f"flags.turn[{index}].phase"
            yield Problem(path, f'"{phase.value}"', "a phase of this migration")


def writers_are_carried(migration: Migration) -> Iterator[Problem]:
    """Yield a writer through an undeclared PgBouncer, and a direct one that nothing
    stops.
    """
    known = [each.name for item in migration.state for each in _pgbouncers(item)]
    for index, writer in enumerate(migration.writers):
        if writer.through not in (*known, DIRECT):
            path = f"writers[{index}].through"
            yield Problem(
                path, f'"{writer.through}"', f"one of {', '.join((*known, DIRECT))}"
            )
        if writer.through == DIRECT and not writer.stopped_by:
            path = f"writers[{index}].stopped_by"
            yield Problem(
                path, "nothing", "what stops a direct writer during the switch"
            )


def journal_is_apart(migration: Migration) -> Iterator[Problem]:
    """Yield a journal without its address, or one in a database that moves."""
    journal = migration.journal
    if (journal.backend == "postgresql") is (journal.dsn is None):
        yield Problem(
            "journal.dsn",
            "nothing" if journal.dsn is None else HIDDEN,
            "a reference for postgresql, and nothing for sqlite",
        )
    moving = [ref for item in migration.state for ref in item.secrets]
    if journal.dsn in moving:
        allowed = "another database than one that is being moved"
        yield Problem("journal.dsn", "the address of a state item", allowed)


def state_sides_differ(migration: Migration) -> Iterator[Problem]:
    """Yield a state item whose two sides are one, or lie in each other."""
    for index, item in enumerate(migration.state):
        path = f"state[{index}].new"
        if isinstance(item, ServerItem) and item.legacy == item.new:
            yield Problem(path, "the same as legacy", "another reference")
        if isinstance(item, FilesItem) and _overlap(item.legacy, item.new):
            allowed = "another directory, neither of them in the other"
            yield Problem(path, f'"{item.new}"', allowed)


def _overlap(one: str, two: str) -> bool:
    left, right = one.rstrip("/") + "/", two.rstrip("/") + "/"
    return left.startswith(right) or right.startswith(left)


def fences_are_whole(migration: Migration) -> Iterator[Problem]:
    """Yield a fence of files that is neither a marker nor all three commands."""
    for index, item in enumerate(migration.state):
        if not isinstance(item, FilesItem):
            continue
        path, fence = f"state[{index}].fence", item.fence
        commands = [fence.close, fence.open, fence.is_open]
        whole = all(commands) != bool(fence.marker)
        if not whole or (fence.marker and any(commands)):
            allowed = "either `marker`, or `close`, `open` and `is_open`"
            yield Problem(path, "a part of both or neither", allowed)
        elif fence.marker and "{side}" not in fence.marker:
            allowed = "a path with {side}: each side has a fence of its own"
            yield Problem(f"{path}.marker", f'"{fence.marker}"', allowed)


RULES: tuple[Rule, ...] = (
    names_are_unique,
    source_comes_last,
    lease_is_long_enough,
    shares_grow,
    shares_suit_their_phase,
    soak_ends_before_deadline,
    gates_suit_their_phase,
    thresholds_suit_their_metric,
    phases_have_their_parts,
    writers_are_carried,
    journal_is_apart,
    state_sides_differ,
    fences_are_whole,
    backups_are_whole,
)


def broken_rules(migration: Migration) -> list[Problem]:
    """Return everything that breaks a rule."""
    return [problem for rule in RULES for problem in rule(migration)]


def _pgbouncers(item: StateItem) -> tuple[PgBouncer, ...]:
    return item.pgbouncers if isinstance(item, PostgresItem) else ()


class Named(Protocol):
    """Anything that has a name."""

    @property
    def name(self) -> str:
        """The name."""


def _paths(form: str, items: Sequence[Named]) -> list[tuple[str, str]]:
    return [(form.format(index), item.name) for index, item in enumerate(items)]


def _repeated(named: list[tuple[str, str]]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for path, name in named:
        if name in first:
            yield Problem(path, f'"{name}"', f"a name other than that of {first[name]}")
        first.setdefault(name, path)
