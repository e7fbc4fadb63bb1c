# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the answers of all hosts together into one pre-check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core import checks
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks import CheckItem
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_declared import (
    backups_declared_item,
    journal_item,
    sign_off_items,
    signed_in,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_state import (
    readiness_item,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)

Answer = Mapping[str, Any]


def combined(
    migration: Migration,
    components: Sequence[str],
    hosts: Mapping[str, Answer],
    replication: Mapping[str, Answer],
    journal: Answer,
) -> dict[str, Any]:
    """Return ``ok``, ``blockers`` and all items; a host that did not answer is an item,
    too.

    ``replication`` has the looped results of replication_info by host, ``journal``
    that of phase_info.
    """
    wanted = checks.chosen(components)
    items = [item for host, answer in hosts.items() for item in _host(host, answer)]
    for host, answer in replication.items():
        items += checks.at(_replication(answer), host)
    items += _journal(migration, journal)
    items.append(backups_declared_item(migration))
    return checks.result(
        item for item in items if item.component in wanted or _reaches(item)
    )


def _reaches(item: CheckItem) -> bool:
    """Keep a host that could not be looked at, whatever was to be looked at."""
    return item.id == "host.reachable" and not item.ok


def _host(host: str, answer: Answer) -> Iterator[CheckItem]:
    found = answer.get("checks")
    if isinstance(found, list):
        yield from (checks.from_dict(raw) for raw in found)
        return
    yield from checks.at([_silent(host, answer)], host)


def _silent(host: str, answer: Answer) -> CheckItem:
    said = str(answer.get("msg") or "no answer").strip()
    if answer.get("unreachable"):
        remedy = f"See that `ansible {host} -m ansible.builtin.ping` succeeds."
    else:
        remedy = "Mend what the message says, then run pre-check again."
    return checks.blocker(
        "host.reachable", said, "answers the pre-check", remedy, ok=False
    )


def _replication(answer: Answer) -> Iterator[CheckItem]:
    for looped in answer.get("results") or ():
        name = str(looped.get("item", looped.get("ansible_loop_var", "")))
        if looped.get("skipped"):
            continue
        raw = looped.get("checks")
        if isinstance(raw, list):
            yield from (readiness_item(name, one) for one in raw)
            continue
        said = str(looped.get("msg") or "no answer")
        yield checks.blocker(
            f"replication.{name}.readable",
            said,
            "replication_info can look at both databases",
            "Mend what the message says, then run pre-check again.",
            ok=False,
        )


def _journal(migration: Migration, answer: Answer) -> Iterator[CheckItem]:
    readable = "position" in answer
    problem = "" if readable else str(answer.get("msg") or "no answer")
    yield journal_item(problem, answer.get("problems") or ())
    yield from sign_off_items(migration, signed_in(answer.get("events") or ()))
