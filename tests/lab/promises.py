"""What a demo promises, held against its summary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

GUARD_FAILURES = 10
"""What inventories/lab declares; a test holds them equal."""

FAULT_SHARE = 2500
"""Buckets of 10,000: at a smaller share the fault would prove little."""

REQUESTS = 100_000
WRITES = 0.1
"""At least so much of all requests."""

LATE_WRITES = 0.05
"""Writes start each 20 ms at least; where the load client may not run before everything
else, so many may be later.
"""

WIDEST_WRITE_GAP_MS = 1000.0
"""A crowded machine may stretch one gap to this."""

Check = tuple[bool, str]


def broken(found: dict[str, Any], *, with_fault: bool) -> list[str]:
    """Return the promises that did not hold."""
    checks = _fault_checks(found) if with_fault else _main_checks(found)
    return [text for holds, text in (*checks, *_always(found)) if not holds]


def _always(found: dict[str, Any]) -> Iterator[Check]:
    gap, late = found["widest_write_gap_ms"], found["late_writes"]
    part = found["acknowledged_writes"] / max(1, found["requests"])
    lost, doubled = found["lost_writes"], found["doubled_writes"]
    apart = found["unexplained_requests"]
    yield lost == 0, f"{lost} acknowledged writes lost"
    yield doubled == 0, f"{doubled} writes doubled"
    yield part >= WRITES, f"only {part:.1%} of the requests are acknowledged writes"
    yield found["acknowledged_files"] > 0, "no file was acknowledged"
    yield found["lost_sessions"] == 0, f"{found['lost_sessions']} sessions lost"
    yield found["lost_files"] == 0, f"{found['lost_files']} files lost"
    yield found["old_files_equal"], "files that were there before are not the same"
    yield found["read_back"] > 0, "no customer read an order back"
    yield not found["leaks"], f"a password was seen in {', '.join(found['leaks'])}"
    yield found["process_lists"] > 0, "nobody looked at the process list"
    counted = found.get("requests_at_routers")
    differ = f"log and routers, which counted {counted}, differ by {apart} requests"
    yield apart == 0, differ
    yield gap <= WIDEST_WRITE_GAP_MS, f"for {gap:.0f} ms no write was started"
    yield late <= LATE_WRITES, f"{late:.1%} of the writes were started late"
    yield bool(found["report"]), "no report was written"
    yield from _exits(found["exit_codes"])


def _exits(codes: dict[str, int]) -> Iterator[Check]:
    expected = {"pre-check": 0, "validate": 0}
    for command, code in codes.items():
        good = expected.get(command, code)
        yield code == good, f"{command} ended with exit code {code}"


def _main_checks(found: dict[str, Any]) -> Iterator[Check]:
    verdicts = {row["name"]: row["verdict"] for row in found["phases"]}
    codes, requests = found["exit_codes"], found["requests"]
    failed = f"{found['failed']} requests failed: {found['outcomes']}"
    yield found["failed"] == 0, failed
    yield requests >= REQUESTS, f"only {requests:,} requests"
    yield found["final_phase"] == "done", f"the phase is {found['final_phase']}"
    yield set(verdicts.values()) == {"pass"}, f"verdicts {verdicts}"
    yield found["rows_verified"] > 0, "no row was verified"
    yield codes["migrate"] == 0, f"migrate ended with exit code {codes['migrate']}"
    yield "validate" in codes, "nothing was validated"


def _fault_checks(found: dict[str, Any]) -> Iterator[Check]:
    unsafe, safe = found["failed_unsafe"], found["failed_safe"]
    most = GUARD_FAILURES + found["under_way_at_limit"]
    share, last = found["share_at_fault"] or 0, found["last_not_on_legacy"]
    yield safe == 0, f"{safe} safe requests failed"
    yield unsafe <= most, f"{unsafe} unsafe requests failed, at most {most} may"
    yield found["rolled_back"], "it was not rolled back"
    yield found["tripped_by"] == "router", f"tripped by {found['tripped_by']!r}"
    failures = found["trip_after_failures"] or 0
    yield failures > 0, "it is not known after how many failures it tripped"
    yield found["final_phase"] == "canary", f"the phase is {found['final_phase']}"
    yield share >= FAULT_SHARE, f"the fault came at a share of only {share / 100:g} %"
    yield last == 0, f"{last} of the last requests were not answered by legacy"
    effective = found["effective_shares"]
    legacy = bool(effective) and set(effective.values()) == {0}
    yield legacy, f"not every router sends all users to legacy: {effective}"
