"""Users are where the share says, on every router, and stay there."""

from __future__ import annotations

import http.client

import xxhash

from ansible_collections.hal9.migrate.plugins.module_utils._core.share import (
    bucket,
    side,
)
from tests.integration.router import bed as beds
from tests.integration.router.bed import Bed
from tests.integration.router.client import ask_users

USERS = [f"user{number}" for number in range(300)]
SHARES = (0, 100, 500, 2500, 5000, 9000, 10_000)


def server_for(port: int, headers: dict[str, str]) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/", headers=headers)
    name = connection.getresponse().read().decode()
    connection.close()
    return name


class TestShare:
    def test_every_user_is_where_the_hash_says(self, bed: Bed) -> None:
        for share in SHARES:
            bed.share(share)
            for port in bed.ports:
                seen = {r.user: r.side for r in ask_users(port, USERS)}
                assert seen == {u: side(bucket("shop", u), share) for u in USERS}

    def test_the_hash_is_the_one_of_xxhash(self) -> None:
        seed = xxhash.xxh32(b"shop", 0).intdigest()
        for user in USERS:
            expected = xxhash.xxh32(user.encode(), seed).intdigest() % 10_000
            assert bucket("shop", user) == expected

    def test_a_user_without_name_is_placed_by_address(self, bed: Bed) -> None:
        at_home = bucket("shop", "127.0.0.1")
        bed.share(at_home)
        assert server_for(bed.first.port, {}).startswith("legacy")
        bed.share(at_home + 1)
        assert server_for(bed.first.port, {}).startswith("new")

    def test_a_user_of_whom_nothing_is_known_has_a_bucket_too(self) -> None:
        at = bucket("shop", "")
        with beds.bed(identity=[{"header": "X-User"}]) as own:
            beds.hear_each_other(own)
            own.reset()
            own.share(at)
            assert server_for(own.first.port, {}).startswith("legacy")
            own.share(at + 1)
            assert server_for(own.first.port, {}).startswith("new")
            legacy, new = own.counted()
            assert (legacy.requests, new.requests) == (1, 1)

    def test_the_cookie_comes_before_the_header(self, bed: Bed) -> None:
        first, second = bucket("shop", "a"), bucket("shop", "b")
        low, high = sorted((first, second))
        bed.share(low + 1)
        by_cookie = "a" if first == low else "b"
        by_header = "b" if first == low else "a"
        asked = {"Cookie": f"uid={by_cookie}", "X-User": by_header}
        assert high > low
        assert server_for(bed.first.port, asked).startswith("new")

    def test_a_header_with_commas_is_one_name(self, bed: Bed) -> None:
        at = bucket("shop", "Doe, Jane")
        bed.share(at + 1)
        assert server_for(bed.first.port, {"X-User": "Doe, Jane"}).startswith("new")
        bed.share(at)
        assert server_for(bed.first.port, {"X-User": "Doe, Jane"}).startswith("legacy")

    def test_counters_know_every_answer_of_both_routers(self, bed: Bed) -> None:
        bed.share(5000)
        for port in bed.ports:
            ask_users(port, USERS)
        on_new = 2 * sum(side(bucket("shop", u), 5000) == "new" for u in USERS)
        legacy, new = bed.counted()
        assert (new.requests, new.timed) == (on_new, on_new)
        assert legacy.requests == 2 * len(USERS) - on_new
        assert new.failures == legacy.failures == 0

    def test_the_halves_of_legacy_are_its_even_and_odd_buckets(self, bed: Bed) -> None:
        before_a, before_b = bed.first.adapter.arms("shop")
        ask_users(bed.first.port, USERS)
        bed.wait_for_peers()
        arm_a, arm_b = bed.first.adapter.arms("shop")
        odd = sum(bucket("shop", user) % 2 for user in USERS)
        assert arm_a.since(before_a).requests == len(USERS) - odd
        assert arm_b.since(before_b).requests == odd
