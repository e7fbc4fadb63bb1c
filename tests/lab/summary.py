"""What a demo came to: totals from the raw log, held against the routers and the
database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from redis import Redis

from tests.lab import aftermath
from tests.lab.layout import DATABASE, Lab
from tests.lab.load.record import (
    WRITE_GAP_MS,
    WRONG_ORDER,
    Totals,
    add_up,
    read,
)
from tests.lab.parts import PostgresCluster
from tests.lab.promises import GUARD_FAILURES
from tests.lab.shop.extras import has_upload, receipt_of, session_of

Raw = Mapping[str, Any]


def conclude(
    log: Path, databases: Mapping[str, PostgresCluster], report: Raw, status: Raw
) -> dict[str, Any]:
    """Return the summary; every figure is computed here from what was recorded."""
    totals = add_up(log)
    position = status["position"]
    authority = databases[f"db_{position['authority']}"]
    return {
        "final_phase": final_phase(report, position),
        "position_phase": position["phase"],
        **_customers(totals),
        **_writes(found_again(authority, totals.acknowledged)),
        "rows_verified": report["rows_verified"] or 0,
        "write_pause_ms": _last_pause(report),
        "phases": phases(report),
        **_way_back(report, status),
        "report": "",
        "requests_at_routers": at_routers(status),
        "unexplained_requests": unexplained(totals, at_routers(status)),
    }


def _customers(totals: Totals) -> dict[str, Any]:
    late = totals.late_writes / totals.writes if totals.writes else 0.0
    return {
        "requests": totals.requests,
        "failed": totals.failed,
        "failed_safe": totals.failed_safe,
        "failed_unsafe": totals.failed_unsafe,
        "acknowledged_writes": len(totals.acknowledged),
        "read_back": totals.read_back,
        "outcomes": totals.outcomes,
        "widest_write_gap_ms": round(totals.widest_write_gap_ms, 1),
        "late_writes": round(late, 5),
    }


def _writes(copies: Mapping[str, int]) -> dict[str, int]:
    return {
        "lost_writes": sum(count == 0 for count in copies.values()),
        "doubled_writes": sum(count > 1 for count in copies.values()),
    }


def _last_pause(report: Raw) -> float | None:
    pauses = [switch.get("write_pause_ms") for switch in report["switches"]]
    return pauses[-1] if pauses else None


def _way_back(report: Raw, status: Raw) -> dict[str, Any]:
    incidents = report["incidents"]
    last = incidents[-1] if incidents else {}
    return {
        "rolled_back": bool(incidents),
        "tripped_by": last.get("by", ""),
        "trip_after_failures": failures_at_trip(incidents),
        "share_at_fault": last.get("share_before"),
        "effective_shares": {
            name: router.get("effective_share")
            for name, router in status["routers"].items()
        },
    }


def of_fault(log: Path, broken_at: float | None) -> dict[str, Any]:
    """Return what the raw log says about the new side that broke at a moment."""
    requests = list(read(log))
    seen = aftermath.share_seen(requests, broken_at) if broken_at else 0.0
    return {
        "share_seen_at_fault": round(seen, 4),
        "under_way_at_limit": aftermath.under_way_at_limit(requests, GUARD_FAILURES),
        "last_not_on_legacy": aftermath.last_not_on_legacy(requests),
    }


def final_phase(report: Raw, position: Raw) -> str:
    """Return the journal's phase; after a way back, that of the last committed step."""
    if position["phase"] == "done" or not report["incidents"]:
        return str(position["phase"])
    committed = [s["phase"] for s in report["steps"] if s["outcome"] == "committed"]
    return str(committed[-1]) if committed else "idle"


def of_extras(lab: Lab, authority: str, keys: Sequence[str]) -> dict[str, Any]:
    """Return which sessions and files of acknowledged orders are not on the side that
    is written, and whether the files that were there before are as they were.
    """
    url = lab.secrets()[f"SHOP_{authority.upper()}_SESSIONS"]
    with Redis.from_url(url) as client, client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.exists(session_of(key))
        kept = sum(map(int, pipe.execute())) if keys else 0
    tree, wanted = lab.uploads(authority), [key for key in keys if has_upload(key)]
    there = [key for key in wanted if _is_whole(tree / key[:2] / key, key)]
    return {
        "acknowledged_sessions": len(keys),
        "lost_sessions": len(keys) - kept,
        "acknowledged_files": len(wanted),
        "lost_files": len(wanted) - len(there),
        "old_files_equal": digests(lab.uploads("legacy")) == digests(tree),
    }


def _is_whole(path: Path, key: str) -> bool:
    return path.is_file() and path.read_bytes() == receipt_of(key)


def digests(tree: Path) -> dict[str, str]:
    """Return the digest of each file that was there before any customer came."""
    return {
        str(path.relative_to(tree)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in tree.glob("old */*")
    }


def found_again(server: PostgresCluster, keys: Iterable[str]) -> dict[str, int]:
    """Return how often each acknowledged write is in the database that is written."""
    with psycopg.connect(server.dsn(DATABASE)) as connection:
        connection.execute("CREATE TEMP TABLE acknowledged (key uuid)")
        with (
            connection.cursor() as cursor,
            cursor.copy("COPY acknowledged FROM STDIN") as copy,
        ):
            for key in keys:
                copy.write_row((key,))
        rows = connection.execute(
            "SELECT a.key::text, count(o.key) FROM acknowledged a "
            "LEFT JOIN orders o ON o.key = a.key GROUP BY a.key"
        )
        return {str(key): int(count) for key, count in rows}


def phases(report: Raw) -> list[dict[str, Any]]:
    """Return time and verdict of each phase, from the journal's steps."""
    found: dict[str, dict[str, Any]] = {}
    for step in report["steps"]:
        row = found.setdefault(
            step["phase"], {"name": step["phase"], "seconds": 0.0, "verdict": "pass"}
        )
        ended = step["ended_at"] or step["begun_at"]
        row["seconds"] = round(row["seconds"] + ended - step["begun_at"], 1)
        if step["verdict"] != "pass":
            row["verdict"] = step["verdict"]
    return list(found.values())


def failures_at_trip(incidents: list[dict[str, Any]]) -> int | None:
    """Return how many attempts on new had failed by the time of the last incident."""
    if not incidents:
        return None
    last = incidents[-1]
    return int(last["seen_failures"] or 0) + int(last["masked_failures"] or 0)


def at_routers(status: Raw) -> int:
    """Return how many requests the routers say they answered."""
    readings = status["routers"].values()
    newest = next(each for each in readings if each.get("counters"))
    return sum(
        one[side]["requests"]
        for one in newest["counters"]
        for side in ("legacy", "new")
    )


def unexplained(totals: Totals, counted: int) -> int:
    """Return by how many requests the log and the routers differ.

    A request that the client gave up may have been answered by the router, or not.
    """
    answered = sum(n for outcome, n in totals.outcomes.items() if is_answer(outcome))
    return max(0, answered - counted, counted - totals.requests)


def is_answer(outcome: str) -> bool:
    """Whether something came back, be it the wrong order."""
    return outcome.isdigit() or outcome == WRONG_ORDER


def incident_page(directory: Path) -> Path:
    """Return the page of the latest incident."""
    pages = directory.glob("*-incident-*.html")
    return max(pages, key=lambda page: page.stat().st_mtime)


def text(found: Raw) -> str:
    """Return the summary for a person."""
    lines = ["", *_told_requests(found), *_told_extras(found), *_told_way_back(found)]
    for row in found["phases"]:
        seconds = f"{row['seconds']:7.1f} s"
        lines.append(f"  {row['name']:<10} {seconds}   {row['verdict']}")
    return "\n".join([*lines, f"report: {found['report']}"])


def _told_requests(found: Raw) -> list[str]:
    pause = found["write_pause_ms"]
    return [
        f"final_phase: {found['final_phase']}",
        f"requests: {found['requests']:,} sent, failed: {found['failed']}"
        f" (safe {found['failed_safe']}, unsafe {found['failed_unsafe']})",
        f"writes: {found['acknowledged_writes']:,} acknowledged, "
        f"lost_writes: {found['lost_writes']}, doubled: {found['doubled_writes']}, "
        f"read back by their customers: {found['read_back']:,}",
        f"writes started: {1 - found['late_writes']:.1%} within {WRITE_GAP_MS:g} ms of "
        f"the one before, longest gap {found['widest_write_gap_ms']:.0f} ms",
        f"rows verified: {found['rows_verified']:,}; write pause at the switch: "
        f"{'-' if pause is None else f'{pause:.0f} ms'}",
    ]


def _told_extras(found: Raw) -> list[str]:
    if "acknowledged_sessions" not in found:
        return []
    return [
        f"sessions: {found['acknowledged_sessions']:,} acknowledged, lost: "
        f"{found['lost_sessions']}; files: {found['acknowledged_files']:,} "
        f"acknowledged, lost: {found['lost_files']}, old ones equal by digest: "
        f"{'yes' if found['old_files_equal'] else 'NO'}"
    ]


def _told_way_back(found: Raw) -> list[str]:
    if not found["rolled_back"]:
        return []
    return [
        f"rolled back from {found['share_at_fault'] / 100:g} %: tripped_by: "
        f"{found['tripped_by']} after {found['trip_after_failures']} failed attempts"
    ]
