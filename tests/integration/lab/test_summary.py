"""The summary says what the raw log and the database say, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.lab import aftermath, promises, summary
from tests.lab.load.record import Request, add_up, read
from tests.lab.parts import (
    PostgresCluster,
    end_recorded,
    free_port,
    scratch_directory,
)

QUICK = {"fsync": "off", "shared_buffers": "16MB"}
KEPT, LOST, DOUBLED, FAILED = (str(UUID(int=n)) for n in range(1, 5))

LOG = f"""\
100.0000,5.00,router1,GET,u1,200,legacy1,
100.0100,9.00,router2,POST,u1,201,legacy1,{KEPT}
100.0200,5.00,router1,GET,u2,404,legacy1,
100.0250,7.00,router1,POST,u2,201,new1,{LOST}
100.0400,5.00,router2,POST,u3,201,new2,{DOUBLED}
100.1000,60000.00,router2,GET,u3,TimeoutError,,
100.1400,5.00,router1,POST,u4,500,new3,{FAILED}
100.2000,5.00,router1,GET,u1,200,legacy1,{KEPT}
"""


@pytest.fixture(scope="module")
def database() -> Iterator[PostgresCluster]:
    with scratch_directory() as directory:
        cluster = PostgresCluster(directory / "pg", free_port(), QUICK)
        try:
            cluster.start()
            cluster.sql("CREATE DATABASE shop")
            cluster.sql("CREATE TABLE orders (key uuid NOT NULL)", "shop")
            for key in (KEPT, DOUBLED, DOUBLED, FAILED):
                cluster.sql("INSERT INTO orders VALUES (%s)", "shop", key)
            yield cluster
        finally:
            end_recorded(directory)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "requests.csv"
    file.write_text(LOG)
    return file


def report(**changes: Any) -> dict[str, Any]:
    steps = [step("canary", "committed", "pass"), step("canary", "rolled back", "hold")]
    return {
        "steps": steps,
        "switches": [{"write_pause_ms": 300.0}, {"write_pause_ms": 250.0}],
        "incidents": [],
        "rows_verified": 7,
        **changes,
    }


def step(phase: str, outcome: str, verdict: str) -> dict[str, Any]:
    times = {"begun_at": 10.0, "ended_at": 22.5}
    return {"phase": phase, "outcome": outcome, "verdict": verdict, **times}


def status(phase: str = "idle", counted: int = 7) -> dict[str, Any]:
    counters = [{"legacy": {"requests": counted - 3}, "new": {"requests": 3}}]
    one = {"counters": counters, "effective_share": 0}
    position = {"phase": phase, "authority": "legacy"}
    return {"position": position, "routers": {"router1": one}}


INCIDENT = {
    "by": "router",
    "seen_failures": 1,
    "masked_failures": 9,
    "share_before": 2500,
}


class TestAddUp:
    def test_totals_are_those_of_the_log(self, log: Path) -> None:
        totals = add_up(log)
        assert totals.requests == 8
        assert (totals.failed_safe, totals.failed_unsafe) == (2, 1)
        assert totals.acknowledged == (KEPT, LOST, DOUBLED)
        assert totals.read_back == 1
        assert totals.by_router == {"router1": 5, "router2": 3}
        assert totals.outcomes["201"] == 3

    def test_gaps_are_between_the_starts_of_writes(self, log: Path) -> None:
        totals = add_up(log)
        assert round(totals.widest_write_gap_ms) == 100
        assert (totals.writes, totals.late_writes) == (4, 1)


class TestConclude:
    def test_lost_and_doubled_writes_are_counted_in_the_database(
        self, log: Path, database: PostgresCluster
    ) -> None:
        found = summary.conclude(log, {"db_legacy": database}, report(), status())
        assert found["acknowledged_writes"] == 3
        assert (found["lost_writes"], found["doubled_writes"]) == (1, 1)
        assert found["write_pause_ms"] == 250.0
        assert found["phases"] == [
            {"name": "canary", "seconds": 25.0, "verdict": "hold"}
        ]

    def test_each_write_is_found_as_often_as_it_is_there(
        self, database: PostgresCluster
    ) -> None:
        found = summary.found_again(database, (KEPT, LOST, DOUBLED))
        assert found == {KEPT: 1, LOST: 0, DOUBLED: 2}


class TestUnexplained:
    @pytest.mark.parametrize(
        ("counted", "apart"), [(5, 2), (6, 1), (7, 0), (8, 0), (9, 1), (11, 3)]
    )
    def test_a_request_given_up_may_be_counted_by_the_router_or_not(
        self, log: Path, counted: int, apart: int
    ) -> None:
        assert summary.unexplained(add_up(log), counted) == apart


class TestFinalPhase:
    def test_after_a_way_back_it_is_that_of_the_last_committed_step(self) -> None:
        told = report(incidents=[INCIDENT])
        assert summary.final_phase(told, {"phase": "idle"}) == "canary"

    def test_with_nothing_committed_it_is_idle(self) -> None:
        told = report(
            incidents=[INCIDENT], steps=[step("canary", "rolled back", "hold")]
        )
        assert summary.final_phase(told, {"phase": "idle"}) == "idle"

    @pytest.mark.parametrize("incidents", [[], [INCIDENT]])
    def test_a_finished_migration_is_done(self, incidents: list[Any]) -> None:
        told = report(incidents=incidents)
        assert summary.final_phase(told, {"phase": "done"}) == "done"


def request(
    began: float, took: float, method: str, outcome: str, served_by: str
) -> Request:
    return Request(began, took, "router1", method, "u1", outcome, served_by, "")


class TestAftermath:
    def test_what_was_under_way_when_the_limit_was_reached(self) -> None:
        requests = [
            request(1.0, 50, "POST", "500", "new1"),
            request(1.1, 50, "POST", "500", "new2"),  # the limit: ends at 1.15
            request(1.12, 60, "POST", "500", "new1"),  # under way
            request(1.2, 50, "POST", "500", ""),  # before the peer could know
            request(1.13, 60, "POST", "201", "legacy1"),
            request(1.13, 60, "GET", "200", "new1"),
            request(1.3, 50, "POST", "500", "new1"),  # should not have been sent there
        ]
        assert aftermath.under_way_at_limit(requests, 2) == 2
        assert aftermath.under_way_at_limit(requests, 6) == 0

    def test_the_last_seconds_belong_to_legacy(self) -> None:
        before = request(1.0, 5, "GET", "200", "new1")
        after = [request(2.0 + n, 5, "GET", "200", "legacy1") for n in range(10)]
        assert aftermath.last_not_on_legacy([before, *after]) == 0
        late = request(10.5, 5, "GET", "200", "new3")
        assert aftermath.last_not_on_legacy([before, *after, late]) == 1
        assert aftermath.last_not_on_legacy([]) is None

    def test_the_share_is_that_of_shortly_before(self) -> None:
        sides = ["legacy1", "legacy2", "legacy1", "new1"]
        requests = [request(5.0, 5, "GET", "200", side) for side in sides]
        requests.append(request(1.0, 5, "GET", "200", "new1"))
        assert aftermath.share_seen(requests, 6.0) == 0.25


KEPT_PROMISES: dict[str, Any] = {
    "requests": 100_000,
    "failed": 0,
    "failed_safe": 0,
    "failed_unsafe": 0,
    "acknowledged_writes": 10_000,
    "acknowledged_files": 3,
    "lost_sessions": 0,
    "lost_files": 0,
    "old_files_equal": True,
    "read_back": 1,
    "lost_writes": 0,
    "doubled_writes": 0,
    "leaks": [],
    "process_lists": 900,
    "rows_verified": 7,
    "final_phase": "done",
    "phases": [{"name": "canary", "verdict": "pass"}],
    "outcomes": {},
    "unexplained_requests": 0,
    "widest_write_gap_ms": 40.0,
    "late_writes": 0.001,
    "report": "shop-report.html",
    "exit_codes": {"pre-check": 0, "migrate": 0, "validate": 0},
}
KEPT_WITH_FAULT: dict[str, Any] = {
    **KEPT_PROMISES,
    "exit_codes": {"pre-check": 0, "migrate": 4},
    "failed_unsafe": 12,
    "under_way_at_limit": 2,
    "rolled_back": True,
    "final_phase": "canary",
    "tripped_by": "router",
    "trip_after_failures": 10,
    "share_at_fault": 2500,
    "last_not_on_legacy": 0,
    "effective_shares": {"router1": 0, "router2": 0},
}


class TestPromises:
    def test_all_are_kept(self) -> None:
        assert promises.broken(KEPT_PROMISES, with_fault=False) == []
        assert promises.broken(KEPT_WITH_FAULT, with_fault=True) == []

    @pytest.mark.parametrize(
        "change",
        [
            {"failed": 1},
            {"requests": 99_999},
            {"lost_writes": 1},
            {"doubled_writes": 1},
            {"leaks": ["journal.db"]},
            {"process_lists": 0},
            {"acknowledged_writes": 9_999},
            {"late_writes": 0.06},
            {"report": ""},
            {"acknowledged_files": 0},
            {"lost_sessions": 1},
            {"lost_files": 1},
            {"old_files_equal": False},
            {"read_back": 0},
            {"rows_verified": 0},
            {"final_phase": "full"},
            {"phases": [{"name": "canary", "verdict": "hold"}]},
            {"phases": []},
            {"unexplained_requests": 1},
            {"widest_write_gap_ms": 1001.0},
            {"exit_codes": {"pre-check": 3, "migrate": 0, "validate": 0}},
            {"exit_codes": {"pre-check": 0, "migrate": 5, "validate": 0}},
            {"exit_codes": {"pre-check": 0, "migrate": 0, "validate": 1}},
            {"exit_codes": {"pre-check": 0, "migrate": 0}},
        ],
        ids=str,
    )
    def test_each_is_named_when_it_is_broken(self, change: dict[str, Any]) -> None:
        broken = promises.broken({**KEPT_PROMISES, **change}, with_fault=False)
        assert len(broken) == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"failed_safe": 1},
            {"failed_unsafe": 13},
            {"rolled_back": False},
            {"tripped_by": "gate"},
            {"trip_after_failures": None},
            {"final_phase": "idle"},
            {"share_at_fault": 1000},
            {"share_at_fault": None},
            {"last_not_on_legacy": 1},
            {"last_not_on_legacy": None},
            {"effective_shares": {"router1": 0, "router2": 2500}},
            {"effective_shares": {}},
            {"lost_writes": 1},
        ],
        ids=str,
    )
    def test_with_a_fault_each_is_named_when_it_is_broken(
        self, change: dict[str, Any]
    ) -> None:
        broken = promises.broken({**KEPT_WITH_FAULT, **change}, with_fault=True)
        assert len(broken) == 1


class TestText:
    def test_a_person_reads_what_the_log_said(
        self, log: Path, database: PostgresCluster
    ) -> None:
        told = report(incidents=[INCIDENT])
        found = summary.conclude(log, {"db_legacy": database}, told, status())
        text = summary.text(found)
        assert "requests: 8 sent, failed: 3 (safe 2, unsafe 1)" in text
        assert "lost_writes: 1, doubled: 1" in text
        assert "longest gap 100 ms" in text
        assert "rolled back from 25 %: tripped_by: router after 10" in text


def test_the_log_is_read_as_written(log: Path) -> None:
    assert len(list(read(log))) == len(LOG.splitlines())
