# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of a router, on a simulated clock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.change import (
    Clock,
    Gradual,
    Present,
    Released,
    Tripped,
    gradual,
    refuse_wrong_clock,
    result,
    setting,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.runtime import (
    Runtime,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.site import (
    Site,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
    MigrateError,
    StaleEpoch,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    RouterReading,
    TrafficSetting,
)


def reading(share: int = 0, epoch: int = 1, *, tripped: bool = False) -> RouterReading:
    return RouterReading(
        router="r1",
        clock=1000.0,
        setting=TrafficSetting("shop", share, epoch=epoch, tripped=tripped),
        workers=(),
        lease_until=2000,
        trip="guard" if tripped else None,
        new_servers_up=1,
        legacy_servers_up=1,
        sessions_on_new=0,
    )


@dataclass
class Time:
    """A clock that only sleeping moves."""

    at: float = 1000.0

    def clock(self) -> Clock:
        return Clock(lambda: self.at, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.at += seconds


@dataclass
class Given:
    """What a router was given, with the time of its lease."""

    shares: list[int] = field(default_factory=list)
    leases: list[int] = field(default_factory=list)


class RecordingRouter(HaproxyRouter):
    """A router that remembers and answers, with no HAProxy behind it."""

    def __init__(self, given: Given) -> None:
        super().__init__(Site("r1", "/d", "/s", ("r1",)), Runtime("/s"))
        object.__setattr__(self, "given", given)

    def read(self, migration: str) -> RouterReading:
        return reading(share=1000)

    def approach(
        self, setting: TrafficSetting, lease_until: int, share: int
    ) -> RouterReading:
        given: Given = self.__dict__["given"]
        given.shares.append(share)
        given.leases.append(lease_until)
        return replace(reading(), setting=setting)


class TestPresent:
    def test_at_once_it_is_one_write(self) -> None:
        given = Given()
        wanted = TrafficSetting("shop", 5000, epoch=2)
        Present(wanted, 15).carry_out(RecordingRouter(given), Time().clock())
        assert (given.shares, given.leases) == ([5000], [1015])

    def test_gradually_it_moves_in_even_steps_under_one_lease(self) -> None:
        given = Given()
        wanted = TrafficSetting("shop", 5000, epoch=2)
        way = Gradual(4.0, 1000, done=0.0, part=4.0)
        Present(wanted, 15, way).carry_out(RecordingRouter(given), Time().clock())
        assert given.shares == [1000, 2000, 3000, 4000, 5000]
        assert given.leases == [1015] * 5

    def test_a_part_ends_where_the_next_begins(self) -> None:
        given = Given()
        wanted = TrafficSetting("shop", 5000, epoch=2)
        way = Gradual(40.0, 1000, done=20.0, part=2.5)
        Present(wanted, 15, way).carry_out(RecordingRouter(given), Time().clock())
        assert given.shares == [3000, 3100, 3200, 3250]
        assert given.leases == [1015] * 4

    def test_in_check_mode_an_old_epoch_is_refused_too(self) -> None:
        old = Present(TrafficSetting("shop", 5000, epoch=1), 15)
        with pytest.raises(StaleEpoch):
            old.prospect(reading(share=100, epoch=2))


class TestGradual:
    def options(self, **given: Any) -> dict[str, Any]:
        return {"lease_seconds": 15, "gradual_part": None, **given}

    def test_no_seconds_are_at_once(self) -> None:
        assert gradual(self.options(gradual_seconds=0.0), lambda: 1000) is None

    def test_without_a_part_one_call_makes_it_all(self) -> None:
        way = gradual(self.options(gradual_seconds=14.0), lambda: 1000)
        assert way == Gradual(14.0, 1000, done=0.0, part=14.0)

    @pytest.mark.parametrize("seconds", [15.0, 600.0])
    def test_a_call_that_would_outlive_its_lease_is_refused(
        self, seconds: float
    ) -> None:
        with pytest.raises(InvalidSpec, match="lease of 15 s: one call renews nothing"):
            gradual(self.options(gradual_seconds=seconds), lambda: 1000)

    def test_a_part_of_a_long_change_is_admitted(self) -> None:
        part = {"seconds": 3.0, "done": 599.0, "origin": 0}
        options = self.options(gradual_seconds=600.0, gradual_part=part)
        way = gradual(options, lambda: 1000)
        assert way == Gradual(600.0, 0, done=599.0, part=1.0)
        assert way.share(5000, 1.0) == 5000

    def test_a_part_that_comes_late_is_the_end(self) -> None:
        part = {"seconds": 3.0, "done": 610.0, "origin": None}
        options = self.options(gradual_seconds=600.0, gradual_part=part)
        way = gradual(options, lambda: 1000)
        assert way == Gradual(600.0, 1000, done=610.0, part=0.0)
        assert way.share(5000, 0.0) == 5000


class TestTripped:
    def test_it_goes_to_share_0_under_a_new_epoch(self) -> None:
        prospect = Tripped("shop", "operator").prospect(reading(share=500, epoch=4))
        assert prospect == TrafficSetting("shop", 0, 0, 5, tripped=True)

    def test_a_tripped_router_stays(self) -> None:
        before = reading(epoch=4, tripped=True)
        assert Tripped("shop", "operator").prospect(before) == before.setting


class TestReleased:
    def test_it_gives_no_share(self) -> None:
        prospect = Released("shop", 5).prospect(reading(epoch=4, tripped=True))
        assert prospect == TrafficSetting("shop", epoch=5)


class TestSetting:
    @pytest.mark.parametrize("share", [-1, 10_001])
    def test_a_share_that_is_no_number_of_buckets_is_refused(self, share: int) -> None:
        params = {"share": share, "fallback": 0, "epoch": 1, "head": None}
        with pytest.raises(InvalidSpec, match="from 0 to 10000"):
            setting("shop", params)

    def test_of_the_heads_digest_15_digits_are_kept(self) -> None:
        head = {"sequence": 3, "digest": "0123456789abcdef"}
        given = setting("shop", {"share": 1, "fallback": 0, "epoch": 1, "head": head})
        assert given.head.digest == "0123456789abcde"


class TestRefuseWrongClock:
    def test_half_a_second_is_allowed(self) -> None:
        refuse_wrong_clock(1000.0, 1000.5)
        refuse_wrong_clock(1000.0, None)

    def test_more_is_refused_with_what_was_seen(self) -> None:
        with pytest.raises(MigrateError, match=r"0\.6 s behind"):
            refuse_wrong_clock(1000.0, 1000.6)


class TestResult:
    def test_the_same_setting_is_no_change(self) -> None:
        assert result(reading(), reading())["changed"] is False

    def test_a_change_is_shown(self) -> None:
        told = result(reading(share=1), reading(share=2, epoch=2))
        assert (told["changed"], told["epoch"]) == (True, 2)
        assert '"share": 2' in told["diff"]["after"]
