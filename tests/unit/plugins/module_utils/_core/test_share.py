# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets, sides and the rule of epochs."""

from __future__ import annotations

import pytest
import xxhash

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StaleEpoch,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    TrafficSetting,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.share import (
    admit,
    admit_renewal,
    bucket,
    is_jump,
    side,
    xxh32,
)


def setting(share: int, epoch: int, *, tripped: bool = False) -> TrafficSetting:
    return TrafficSetting("shop", share, epoch=epoch, tripped=tripped)


class TestXxh32:
    @pytest.mark.parametrize("length", [0, 1, 3, 4, 15, 16, 17, 31, 32, 100])
    def test_it_agrees_with_the_reference(self, length: int) -> None:
        data = bytes(range(length))
        for seed in (0, 1, 2**32 - 1):
            assert xxh32(data, seed) == xxhash.xxh32(data, seed).intdigest()


SEED = xxhash.xxh32(b"shop", 0).intdigest()


class TestBucket:
    def test_it_is_for_ever(self) -> None:
        assert [bucket("shop", f"user{n}") for n in range(3)] == [
            xxhash.xxh32(f"user{n}".encode(), SEED).intdigest() % 10_000
            for n in range(3)
        ]

    def test_a_name_beyond_ascii_is_hashed_as_utf8(self) -> None:
        expected = xxhash.xxh32("Zoë".encode(), SEED).intdigest() % 10_000
        assert bucket("shop", "Zoë") == expected

    def test_another_salt_places_users_elsewhere(self) -> None:
        """Near to none stays, so that no user is always among the first of all."""
        users = [f"user{n}" for n in range(1000)]
        first, second = (
            {user for user in users if bucket(salt, user) < 1000}
            for salt in ("shop", "shop2")
        )
        assert len(first & second) < 30


class TestSide:
    def test_a_growing_share_moves_nobody_back(self) -> None:
        users = [bucket("shop", f"user{n}") for n in range(500)]
        before: set[int] = set()
        for share in (0, 100, 500, 2500, 5000, 10_000):
            on_new = {user for user in users if side(user, share) == "new"}
            assert before <= on_new
            before = on_new
        assert before == set(users)


class TestAdmit:
    def test_a_newer_epoch_is_admitted(self) -> None:
        admit(setting(500, 1), setting(100, 2))

    def test_the_same_once_more_is_admitted(self) -> None:
        admit(setting(500, 1), setting(500, 1))

    def test_an_older_epoch_is_refused(self) -> None:
        with pytest.raises(StaleEpoch, match="a newer one is in force") as refused:
            admit(setting(500, 3), setting(500, 2))
        assert refused.value.facts == {"epoch": 3, "share": 500}

    def test_the_same_epoch_with_other_content_is_refused(self) -> None:
        with pytest.raises(StaleEpoch, match="other content"):
            admit(setting(500, 3), setting(501, 3))


class TestAdmitRenewal:
    @pytest.mark.parametrize("epoch", [2, 4])
    def test_any_other_epoch_is_refused(self, epoch: int) -> None:
        with pytest.raises(StaleEpoch, match="Refused to renew"):
            admit_renewal(setting(500, 3), epoch)

    def test_its_own_epoch_is_renewed(self) -> None:
        admit_renewal(setting(500, 3), 3)


class TestIsJump:
    @pytest.mark.parametrize(("before", "after"), [(0, 100), (500, 1000), (9000, 9500)])
    def test_a_step_of_a_plan_is_one(self, before: int, after: int) -> None:
        assert is_jump(before, after)
        assert is_jump(before=after, after=before)

    @pytest.mark.parametrize(("before", "after"), [(500, 500), (5000, 5100)])
    def test_a_gradual_move_is_none(self, before: int, after: int) -> None:
        assert not is_jump(before, after)
