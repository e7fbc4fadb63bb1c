# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups and losses as plain values, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.backup import Loss
from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_entries import (
    Listed,
)

NAMED = 10


def listed_facts(one: Listed, now: float) -> dict[str, Any]:
    """Return what a line of the catalogue says; nothing of it is secret."""
    entry, seen = one.entry, one.verification
    if entry is None:
        return {"id": one.id, "problem": one.problem, "verified": False}
    return {
        "id": one.id,
        "backup": entry.backup,
        "engine": entry.engine,
        "kind": entry.kind,
        "at": entry.ended_at,
        "age_seconds": round(max(0.0, now - entry.ended_at), 1),
        "seconds": round(entry.ended_at - entry.began_at, 2),
        "bytes": entry.bytes,
        "rows": entry.rows,
        "files": len(entry.files),
        "encrypted": entry.encrypted,
        "position": entry.position,
        "reference": entry.reference,
        "parent": entry.parent,
        "tool": entry.tool,
        "digest": entry.digest,
        "verified": one.verified,
        "verified_at": seen.at if seen else None,
        "compared": seen.compared if seen else 0,
        "moving": seen.moving if seen else 0,
        "problem": "; ".join(seen.problems) if seen else "",
    }


def loss_facts(lost: Sequence[Loss]) -> list[dict[str, Any]]:
    """Return the losses as plain values."""
    return [asdict(each) for each in lost]


def losses_in_words(lost: Sequence[Loss]) -> str:
    """Say what a restore would replace, the largest pieces first; empty for nothing."""
    if not lost:
        return ""
    ordered = sorted(lost, key=lambda each: each.now, reverse=True)
    told = [
        f"{each.name} ({each.now:,} now, {each.then:,} in the backup)"
        for each in ordered[:NAMED]
    ]
    more = [f"and {len(lost) - NAMED} more"] if len(lost) > NAMED else []
    return "what is there now would be lost: " + ", ".join([*told, *more])
