"""Redis moved under writes: our link and switch against SCAN with DUMP and RESTORE."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
)
from tests.bench.rows import row
from tests.integration.state.piece_redis import RedisPiece
from tests.integration.state.pieces import FollowingWriter, written
from tests.lab.parts import scratch_directory

KEYS, QUICK_KEYS = 1_000_000, 100_000
AT_ONCE = 1000
FILLED_AT_ONCE = 20_000
FILL = """
for n = ARGV[1], ARGV[2] do
  redis.call('SET', 'session:' .. n, string.rep('value of ' .. n .. ' ', 5), 'EX', 86400)
end
"""


def run(quick: bool) -> list[dict[str, Any]]:
    """Move the same keys both ways, each with a writer."""
    count = QUICK_KEYS if quick else KEYS
    with scratch_directory("hal9-bench-re-") as directory:
        ours, lost, total = _ours(directory / "ours", count)
        theirs, missed = _by_hand(directory / "theirs", count)
    return [
        row(
            f"a Redis of {count:,} keys moved under writes: link and switch",
            (ours, "s"),
            f"SCAN, DUMP, RESTORE ({missed} acknowledged writes lost)",
            theirs,
            "< 1.0",
        ),
        {
            "name": "acknowledged writes lost by the move of the Redis",
            "value": lost,
            "unit": f"of {total}",
            "against": "",
            "ratio": None,
            "bound": "0",
            "holds": lost == 0,
        },
    ]


def _filled(directory: Path, count: int) -> RedisPiece:
    piece = RedisPiece(directory, deadline=20.0)
    with piece.servers["legacy"].client() as client:
        client.flushall()
        for start in range(0, count, FILLED_AT_ONCE):
            client.eval(FILL, 0, start, min(count, start + FILLED_AT_ONCE) - 1)
    return piece


def _lost(piece: RedisPiece, running: list[FollowingWriter]) -> tuple[int, int]:
    texts = set().union(*(writer.texts for writer in running))
    return len(texts - piece.texts("new")), len(texts)


def _ours(directory: Path, count: int) -> tuple[float, int, int]:
    """Return seconds, writes lost, and writes acknowledged."""
    piece = _filled(directory, count)
    try:
        with tempfile.TemporaryDirectory() as root, written(piece, 1) as running:
            began = time.monotonic()
            piece.engine.link(600)
            ended = piece.switch("new", Place(f"{root}/item"))
            spent = time.monotonic() - began
            assert ended == "switched"
            running[0].await_more()
        return (spent, *_lost(piece, running))
    finally:
        piece.remove()


def _by_hand(directory: Path, count: int) -> tuple[float, int]:
    """Return seconds and writes lost of a copy of what SCAN shows."""
    piece = _filled(directory, count)
    try:
        with written(piece, 1) as running:
            began = time.monotonic()
            with (
                piece.servers["legacy"].client() as source,
                piece.servers["new"].client() as target,
            ):
                _copy(source, target)
            spent = time.monotonic() - began
        return spent, _lost(piece, running)[0]
    finally:
        piece.remove()


def _copy(source: Any, target: Any) -> None:
    cursor: Any = 0
    while True:
        cursor, keys = source.scan(cursor, count=AT_ONCE)
        with source.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.dump(key)
                pipe.pttl(key)
            answers = pipe.execute()
        with target.pipeline(transaction=False) as pipe:
            for key, dump, ends in zip(keys, answers[::2], answers[1::2]):
                if dump is not None:
                    pipe.restore(key, max(0, ends), dump, replace=True)
            pipe.execute()
        if cursor == 0:
            return
