# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
    contents_redis as contents,
)

MOMENT = 1_790_000_000_000


class TestSpans:
    @pytest.mark.parametrize(
        "seconds", [0.5, 9.999, 10, 12, 59, 60, 1800, 86_400, 3e7, 9e8]
    )
    def test_a_piece_is_compared_until_its_first_key_may_end(
        self, seconds: float
    ) -> None:
        end = MOMENT + int(seconds * 1000)
        name = f"db0/{contents._bucket(b'k', end, MOMENT)}"
        assert contents.has_begun(name, MOMENT, end)
        # It is known for most of the time until then, but for what ends at once.
        early = MOMENT + min(int(seconds * 1000 / 1.21), contents.SPANS[-1] - 1)
        assert contents.has_begun(name, MOMENT, early) is (seconds < 10)

    def test_a_key_without_an_end_is_always_known(self) -> None:
        name = f"db3/{contents._bucket(b'k', -1, MOMENT)}"
        assert not contents.has_begun(name, MOMENT, MOMENT * 2)

    def test_one_that_was_made_before_there_were_spans_is_unknown(self) -> None:
        assert contents._bucket(b"k", MOMENT, 0) == "expiring"
        assert contents.has_begun("db0/expiring", 0, MOMENT)


class TestEnds:
    """Where the server cannot say when a key expires."""

    def test_what_is_left_is_asked_within_one_millisecond(self) -> None:
        client = Old([(1, 999), (1, 2001), (1, 2500), (1, 3000), (1, 3999)], [50, -1])
        assert contents._timed(client, [b"a", b"b"]) == {b"a": 1053, b"b": -1}
        assert client.asked == [[b"a", b"b"], [b"a"]]

    def test_it_ends_also_where_the_clock_never_stands(self) -> None:
        times = [(1, turn * 1000) for turn in range(300)]
        assert contents._timed(Old(times, [50]), [b"a"])[b"a"] > 1000


class Old:
    """A server that knows no PEXPIRETIME; every TIME takes one of its times."""

    def __init__(self, times: list[tuple[int, int]], rest: list[int]) -> None:
        self.times, self.rest = iter(times), rest
        self.asked: list[list[bytes]] = []
        self.said: list[object] = []

    def pipeline(self, *, transaction: bool) -> Old:
        assert not transaction
        self.asked.append([])
        self.said = []
        return self

    def time(self) -> None:
        self.said.append(next(self.times))

    def pttl(self, key: bytes) -> None:
        self.asked[-1].append(key)
        self.said.append(self.rest[len(self.asked[-1]) - 1])

    def execute(self) -> list[object]:
        return self.said
