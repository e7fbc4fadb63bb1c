# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hash chain: any change shows, and what an operator adopted is no problem any
more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.chain import (
    broken,
    canonical,
    digest,
    link,
    same_digest,
    truncated,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import Event
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
)


def chain_of(*bodies: dict[str, Any], kind: str = "note") -> list[Event]:
    """Return a sound chain."""
    events: list[Event] = []
    head = JournalHead()
    for body in bodies:
        events.append(link(head, "shop", kind, "run", body, 100.0))
        head = JournalHead(events[-1].sequence, events[-1].digest)
    return events


class TestCanonical:
    def test_is_one_text_for_one_value(self) -> None:
        assert canonical({"b": [1, None], "a": "ü"}) == '{"a":"\\u00fc","b":[1,null]}'

    def test_a_digest_is_what_sha256sum_says_of_the_line(self) -> None:
        # printf '["shop",1,1.5,"note","u@h:1:2",{"text":"x"},""]' | sha256sum
        event = Event(1, 1.5, "shop", "note", "u@h:1:2", {"text": "x"}, "", "")
        assert digest(event) == (
            "99d770b88eb83b160a2c43abe6ddf427e222681491dbf4f4f1da311bdb0fbbd9"
        )


class TestBroken:
    @pytest.mark.parametrize(
        "field", ["at", "kind", "run", "body", "previous", "migration", "digest"]
    )
    def test_a_change_of_any_field_is_named(self, field: str) -> None:
        events = chain_of({"n": 1}, {"n": 2}, {"n": 3})
        value: Any = {"at": 1.0, "body": {}}.get(field, "x")
        events[1] = replace(events[1], **{field: value})
        assert "event 2 was changed" in broken(events)[0]

    def test_a_changed_event_with_a_fitting_digest_breaks_the_next(self) -> None:
        events = chain_of({"n": 1}, {"n": 2}, {"n": 3})
        forged = replace(events[1], body={"n": 7})
        events[1] = replace(forged, digest=digest(forged))
        assert "event 3 does not follow event 2" in broken(events)[0]

    def test_a_repeated_event_is_named(self) -> None:
        events = chain_of({"n": 1}, {"n": 2})
        assert "event 2 is out of order" in broken([*events, events[1]])[0]

    def test_a_sound_chain_is_sound(self) -> None:
        assert broken(chain_of({"n": 1}, {"n": 2})) == ()
        assert broken([]) == ()


class TestTruncated:
    def test_a_head_that_was_adopted_is_no_problem(self) -> None:
        lost = JournalHead(9, "ab" * 32)
        assert truncated(chain_of({"n": 1}), [lost]) != ()
        adopted = {"epoch": 4, "heads": [{"sequence": 9, "digest": lost.digest[:15]}]}
        assert truncated(chain_of(adopted, kind="adopted"), [lost]) == ()

    def test_a_router_that_was_told_nothing_is_no_problem(self) -> None:
        assert truncated([], [JournalHead()]) == ()

    def test_a_digest_with_leading_zeros_is_the_same(self) -> None:
        assert same_digest("000abc" + "d" * 58, "000abcddddddddd")
        assert not same_digest("000abc" + "d" * 58, "000abcddddddddc")
