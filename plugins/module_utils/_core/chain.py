# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hash chain of the journal: canonical JSON, digests, and finding the first broken
line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Event
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)

LONGEST_BODY = 1_000_000
"""Characters of canonical JSON that one event may hold."""

KNOWN_DIGITS = 15
"""Hex digits of a digest that a router can keep (its map holds integers)."""


def canonical(value: object) -> str:
    """Return the one JSON text of a value; refuse what JSON cannot say exactly."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise MigrateError(
            f"Refused to write to the journal: {error}. Plain JSON values are required."
        ) from error


def canonical_body(body: Mapping[str, Any]) -> str:
    """Return the text of an event's body; refuse one that is too long to keep."""
    text = canonical(dict(body))
    if len(text) > LONGEST_BODY:
        raise MigrateError(
            f"Refused to write to the journal: the body has {len(text)} characters, "
            f"at most {LONGEST_BODY} are kept. Store a summary and where the rest is."
        )
    return text


def read_body(text: str) -> Mapping[str, Any]:
    """Return the body of a stored line; what is no JSON object reads as empty (and
    breaks the chain).
    """
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def digest(event: Event) -> str:
    """Return what the digest of this event must be."""
    line = [
        event.migration,
        event.sequence,
        event.at,
        event.kind,
        event.run,
        event.body,
        event.previous,
    ]
    return hashlib.sha256(canonical(line).encode("ascii")).hexdigest()


def link(
    head: JournalHead,
    migration: str,
    kind: str,
    run: str,
    body: Mapping[str, Any],
    now: float,
) -> Event:
    """Return the event that follows ``head``, its body as it will be read back."""
    plain = json.loads(canonical_body(body))
    at = float(now)
    line = Event(head.sequence + 1, at, migration, kind, run, plain, head.digest, "")
    return Event(
        line.sequence, at, migration, kind, run, plain, head.digest, digest(line)
    )


def broken(events: Sequence[Event]) -> tuple[str, ...]:
    """Return what is wrong with a whole chain, named by the first broken sequence;
    empty when sound.
    """
    previous, expected = "", 1
    for event in events:
        fault = _fault(event, expected, previous)
        if fault:
            return (fault,)
        previous, expected = event.digest, expected + 1
    return ()


def _fault(event: Event, expected: int, previous: str) -> str:
    """Say what is wrong with one event at its place."""
    if event.sequence > expected:
        return f"event {expected} is missing: the journal goes on with {event.sequence}"
    if event.sequence < expected:
        return f"event {event.sequence} is out of order: {expected} was due"
    if digest(event) != event.digest:
        return f"event {expected} was changed: its digest does not match its content"
    if event.previous != previous:
        return (
            f"event {expected} does not follow event {expected - 1}: "
            "one of them was replaced or they were reordered"
        )
    return ""


def truncated(events: Sequence[Event], heads: Sequence[JournalHead]) -> tuple[str, ...]:
    """Return where the journal lies behind, or differs from, what routers and the
    coordinator know of it.
    """
    digests = {event.sequence: event.digest for event in events}
    accepted = tuple(_accepted(events))
    unknown = (
        head
        for head in sorted(set(heads), key=lambda head: head.sequence)
        if head.sequence > 0 and not any(same_head(head, known) for known in accepted)
    )
    missing = (_missing(head, digests) for head in unknown)
    return tuple(dict.fromkeys(text for text in missing if text))


def _accepted(events: Sequence[Event]) -> Iterator[JournalHead]:
    """Give the foreign heads that an operator has adopted."""
    for event in events:
        found = event.body.get("heads") if event.kind == "adopted" else None
        for head in found if isinstance(found, list) else ():
            if isinstance(head, dict) and isinstance(head.get("sequence"), int):
                yield JournalHead(head["sequence"], str(head.get("digest", "")))


def _missing(head: JournalHead, digests: Mapping[int, str]) -> str:
    """Say how one head contradicts the journal."""
    found = digests.get(head.sequence)
    if found is None:
        return (
            f"the journal ends at event {max(digests, default=0)}, but event "
            f"{head.sequence} was written: the end was cut off"
        )
    if not same_digest(found, head.digest):
        return (
            f"event {head.sequence} is not the one that was written: "
            "the journal was replaced from there or earlier"
        )
    return ""


def same_head(one: JournalHead, other: JournalHead) -> bool:
    """Say whether two heads name the same event, as far as a router can keep a
    digest.
    """
    return one.sequence == other.sequence and same_digest(one.digest, other.digest)


def same_digest(one: str, other: str) -> bool:
    """Say whether two digests agree in the digits that a router keeps; an unknown one
    agrees.
    """
    return not one or not other or as_kept(one) == as_kept(other)


def as_kept(text: str) -> int:
    """Return a digest as the integer that a router's map holds."""
    try:
        return int(text[:KNOWN_DIGITS], 16)
    except ValueError:
        return -1
