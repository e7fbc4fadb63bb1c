# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions of MariaDB's replication: one number for each domain, as text."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ONE = re.compile(r"^(\d+)-(\d+)-(\d+)$")


@dataclass(frozen=True)
class Gtid:
    """One transaction: who began the domain's latest one, and which it is."""

    domain: int
    server: int
    number: int

    def __str__(self) -> str:
        """Return it as the server writes it."""
        return f"{self.domain}-{self.server}-{self.number}"


def parsed(position: str) -> dict[int, Gtid]:
    """Return the latest transaction of each domain; ValueError for another text."""
    found: dict[int, Gtid] = {}
    for text in filter(None, (each.strip() for each in position.split(","))):
        said = _ONE.match(text)
        if said is None:
            raise ValueError(f"{text!r} is no GTID")
        each = Gtid(*map(int, said.groups()))
        if each.domain not in found or each.number > found[each.domain].number:
            found[each.domain] = each
    return found


def merged(*positions: str) -> str:
    """Return the latest transaction of each domain in any of the positions."""
    found = parsed(",".join(filter(None, positions)))
    return ",".join(str(found[domain]) for domain in sorted(found))


def behind(source: str, target: str) -> int:
    """Return how many transactions of the source the target does not have."""
    have = parsed(target)
    return sum(
        max(0, each.number - (have[domain].number if domain in have else 0))
        for domain, each in parsed(source).items()
    )


def number_in(position: str, domain: int) -> int:
    """Return the latest number of a domain, 0 when there is none."""
    found = parsed(position).get(domain)
    return found.number if found else 0
