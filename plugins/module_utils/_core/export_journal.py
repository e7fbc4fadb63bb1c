# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of an export: one line for each piece that is there, chained by
digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.chain import (
    canonical,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)

RUN_AGAIN = "Export again to a new path."


@dataclass(frozen=True)
class Stored:
    """One piece as it lies on disk; ``digest`` is of the stored bytes."""

    piece: int
    digest: str
    stored_bytes: int
    raw_bytes: int
    rows: int


@dataclass(frozen=True)
class Head:
    """The last line so far; before the first it is the plan's digest."""

    sequence: int
    digest: str


def line_of(head: Head, epoch: int, stored: Stored) -> tuple[bytes, Head]:
    """Return the line that follows ``head``, and the new head."""
    body = {
        "sequence": head.sequence + 1,
        "epoch": epoch,
        **asdict(stored),
        "previous": head.digest,
    }
    own = _digest(body)
    text = canonical({**body, "own": own}) + "\n"
    return text.encode("ascii"), Head(head.sequence + 1, own)


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(dict(body)).encode("ascii")).hexdigest()


@dataclass(frozen=True)
class Journal:
    """What a journal says: each piece's last line, the head, and how many bytes of the
    file are whole lines.
    """

    stored: Mapping[int, Stored]
    head: Head
    whole_bytes: int


def read_journal(data: bytes, plan: str) -> Journal:
    """Return what the lines say; a torn last line counts as not written.

    Its piece is then copied again. Anything else that is wrong raises MigrateError.
    """
    whole = data.rfind(b"\n") + 1
    head, stored = Head(0, plan), {}
    for text in data[:whole].splitlines():
        head, one = _read_line(text, head)
        stored[one.piece] = one
    return Journal(stored, head, whole)


def _read_line(text: bytes, head: Head) -> tuple[Head, Stored]:
    number = head.sequence + 1
    try:
        body = json.loads(text)
        own = body.pop("own")
        one = Stored(**{name: body[name] for name in _FIELDS})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _broken(number, "it is not a line of the journal") from None
    if _digest(body) != own:
        raise _broken(number, "its digest does not match its content")
    if body.get("previous") != head.digest or body.get("sequence") != number:
        raise _broken(number, "it does not follow the line before it (or the plan)")
    return Head(number, own), one


_FIELDS = tuple(Stored.__dataclass_fields__)


def _broken(number: int, why: str) -> MigrateError:
    return MigrateError(
        f"Line {number} of journal.jsonl is not to be trusted: {why}. {RUN_AGAIN}"
    )
