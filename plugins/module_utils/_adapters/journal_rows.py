# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events and checkpoints as the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core import chain
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Checkpoint,
    Event,
)


def row_of(event: Event) -> tuple[object, ...]:
    """Return what is stored of an event."""
    return (
        event.migration,
        event.sequence,
        event.at,
        event.kind,
        event.run,
        chain.canonical_body(event.body),
        event.previous,
        event.digest,
    )


def event_of(row: Sequence[Any]) -> Event:
    """Return the event of a row, as it was selected."""
    sequence, at, migration, kind, run, body, previous, digest = row
    content = chain.read_body(str(body))
    return Event(sequence, at, migration, kind, run, content, previous, digest)


def checkpoint_of(row: Sequence[Any]) -> Checkpoint:
    """Return the checkpoint of a row, as it was selected."""
    name, sequence, at, body = row
    return Checkpoint(name, sequence, at, chain.read_body(str(body)))
