# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What HAProxy 2.6 prints, parsed."""

from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    tables,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.runtime import (
    Worker,
    parse_workers,
)

PROC = """#<PID>          <type>          <reloads>       <uptime>        <version>
27446           master          1 [failed: 0]   0d00h00m03s     2.6.12
# workers
27449           worker          0               0d00h00m03s     2.6.12
# old workers
27440           worker          1               0d00h00m09s     2.6.12
# programs

"""
CONTROL = """# table: hal9_control, type: string, size:1024, used:2
0x7f1: key=shop/lease use=0 exp=2073599997 gpt0=1795201914 gpc0=0
0x7f2: key=shop/trip use=0 exp=2073599997 gpt0=2 gpc0=1

"""


def told(key: int, *values: int) -> str:
    """What a shared table says: time and two rates, then the counters."""
    numbers = (1_795_201_914, 7, 0, *values)
    shown = " ".join(f"gpt{place}={value}" for place, value in enumerate(numbers))
    return f"0x7f1: key={key} use=0 exp=1 {shown} gpc0=1 gpc0_rate(10000)=3\n"


class TestWorkers:
    def test_old_workers_are_draining(self) -> None:
        assert parse_workers(PROC) == (Worker(27449, False), Worker(27440, True))


class TestTable:
    def test_each_key_has_its_numbers(self) -> None:
        rows = tables.parse_table(CONTROL)
        assert rows["shop/lease"]["gpt0"] == 1795201914
        assert (rows["shop/trip"]["gpc0"], rows["shop/trip"]["gpt0"]) == (1, 2)


class TestRouterCounters:
    def test_masked_answers_are_legacys(self) -> None:
        slower = (2, 1, *([0] * 10))
        text = (
            told(0, 60, 1, 0, 1, 0, 0, 0, *slower)
            + told(1, 40, 0, 0, 0, 0, 0, 0, *([0] * 12))
            + told(2, 10, 3, 0, 1, 3, 1, 1, *([0] * 12))
            + told(7, 5, 0, 0, 0, 0, 0, 0, *([0] * 12))
        )
        seen = tables.router_counters("r1", tables.parse_table(text))
        assert (seen.new.requests, seen.new.errors, seen.new.masked) == (12, 1, 2)
        assert (seen.legacy.requests, seen.legacy.errors) == (103, 2)
        assert seen.legacy.buckets[:3] == (97, 2, 1)
        assert seen.new.attempts == 14


class TestArms:
    def test_each_half_is_the_sum_of_all_routers(self) -> None:
        nothing = [0] * 18
        first = tables.parse_table(told(0, 60, *nothing) + told(1, 40, *nothing))
        second = tables.parse_table(told(0, 5, *nothing) + told(2, 99, *nothing))
        arm_a, arm_b = tables.arms([first, second])
        assert (arm_a.requests, arm_b.requests) == (65, 40)


class TestSessions:
    def test_id_server_and_age_are_read(self) -> None:
        text = (
            "0x55: proto=tcpv4 src=127.0.0.1:1 fe=shop be=hal9_shop srv=new1 ts=00 "
            "epoch=0 age=1m3s calls=2\n"
            "0x56: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> age=0s\n"
        )
        assert list(tables.parse_sessions(text, "hal9_shop")) == [("0x55", "new1", 63)]


class TestFailedChecks:
    @pytest.mark.parametrize(
        ("status", "failed"),
        [
            ("UP", 0),
            ("UP 2/3", 1),
            ("UP 1/3", 2),
            ("DOWN", 3),
            ("DOWN 1/2", 3),
            ("MAINT", 0),
            ("no check", 0),
        ],
    )
    def test_counts_those_in_a_row(self, status: str, failed: int) -> None:
        assert tables.failed_checks(status) == failed
