# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The block for haproxy.cfg, as text; the integration tests give it to HAProxy."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.config import (
    Mirror,
    Peer,
    RouterPlan,
    block,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse

PEERS = (Peer("r1", "127.0.0.1:1"), Peer("r2", "127.0.0.1:2"))
SHADOW = {"comparator": "127.0.0.1:9"}


def migration(servers: int = 2, **changes: Any) -> Any:
    def side(name: str, port: int) -> dict[str, Any]:
        return {
            "group": f"hal9_{name}",
            "servers": [
                {"name": f"{name}{n}", "address": f"127.0.0.1:{port + n}"}
                for n in range(servers)
            ],
        }

    sides = {"legacy": side("legacy", 100), "new": side("new", 200)}
    return parse({"name": "shop", "sides": sides, **changes})


def plan(**changes: Any) -> RouterPlan:
    return RouterPlan(**{"name": "r1", "directory": "/d", "peers": PEERS, **changes})


class TestBlock:
    def test_the_same_declaration_gives_the_same_text(self) -> None:
        assert block(plan(), [migration()]) == block(plan(), [migration()])

    def test_its_digest_changes_with_it(self) -> None:
        texts = [block(plan(), [migration(n)]).splitlines()[1] for n in (1, 2)]
        assert texts[0] != texts[1]

    def test_a_high_limit_of_failures_needs_no_more_rules(self) -> None:
        texts = [
            block(plan(), [migration(guard={"failures": failures})])
            for failures in (10, 100_000)
        ]
        assert len(texts[0].splitlines()) == len(texts[1].splitlines())

    def test_a_finalised_migration_is_an_ordinary_backend_of_new(self) -> None:
        text = block(plan(finalised=frozenset({"shop"})), [migration(2)])
        backend = text.partition("backend hal9_shop\n")[2].partition("backend")[0]
        assert "weight 100" in backend
        assert "legacy" not in text
        assert "http-re" not in backend

    def test_new_has_no_weight_and_a_rule_for_each_slot(self) -> None:
        text = block(plan(), [migration(2)])
        assert "server new1 127.0.0.1:201 id 1002 weight 0" in text
        assert "use-server new1 if { var(txn.slot) -m int 1 }" in text
        assert "server legacy0 127.0.0.1:100 id 1 weight 100" in text

    @pytest.mark.parametrize(("routers", "every"), [(2, 100), (20, 200), (90, 500)])
    def test_many_routers_tell_each_other_less_often(
        self, routers: int, every: int
    ) -> None:
        peers = tuple(Peer(f"r{n}", f"127.0.0.1:{n}") for n in range(1, routers + 1))
        text = block(plan(peers=peers), [migration()])
        assert text.count(f"check inter {every}ms") == 4

    def test_no_line_has_more_words_than_haproxy_reads(self) -> None:
        text = block(plan(metrics_bind="127.0.0.1:3"), [migration(20)])
        assert max(len(line.split()) for line in text.splitlines()) <= 64

    @pytest.mark.parametrize(("slow", "last"), [(2, "2"), (60, "50"), (9000, "5000")])
    def test_the_quick_way_is_for_answers_that_are_not_slow(
        self, slow: int, last: str
    ) -> None:
        """An open bucket in it would spare slow answers the guard's counter."""
        text = block(plan(), [migration(guard={"slow_ms": slow})])
        (rule,) = [x for x in text.splitlines() if "after-response allow if below" in x]
        bounds = [word for word in rule.split() if word.startswith("below_")]
        assert bounds[-1] == f"below_{last}"
        assert rule.split()[-1].startswith("from_")

    def test_the_mirror_needs_both_a_declared_shadow_and_an_installed_one(self) -> None:
        mirror = Mirror("/d/mirror.lua", "hal9_mirror")
        with_both = block(plan(mirror=mirror), [migration(shadow=SHADOW)])
        assert "lua-load-per-thread /d/mirror.lua" in with_both
        rule = next(x for x in with_both.splitlines() if "lua.hal9_mirror" in x)
        assert "{ method GET HEAD OPTIONS }" in rule
        assert "lua.hal9_mirror" not in block(plan(mirror=mirror), [migration()])
        assert "lua" not in block(plan(), [migration(shadow=SHADOW)])

    def test_a_router_without_peer_is_refused(self) -> None:
        with pytest.raises(InvalidSpec, match="Router r3 is not among its own peers"):
            block(plan(name="r3"), [migration()])
