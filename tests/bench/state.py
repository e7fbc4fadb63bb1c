"""The write pause of the supervised switch against the same switch done by hand."""

from __future__ import annotations

import statistics
import tempfile
import time
from functools import partial
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.replication import (
    Replication,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from tests.bench.state_by_hand import ByHand
from tests.integration.state.bed import Bed, Shop, Writer, writers
from tests.lab.parts import scratch_directory

BOUND = 2.0
SIDES: tuple[Side, ...] = ("new", "legacy")
Gaps = dict[Side, list[float]]


def run(quick: bool) -> list[dict[str, Any]]:
    """Switch to and fro under writers, by turns supervised and by hand; compare."""
    with scratch_directory("hal9-bench-st-") as directory:
        bed = Bed(directory)
        try:
            bed.start()
            return _measured(bed.shop(), rounds=3 if quick else 10)
        finally:
            bed.stop()


def _measured(shop: Shop, rounds: int) -> list[dict[str, Any]]:
    shop.link()
    supervised: Gaps = {"new": [], "legacy": []}
    by_hand: Gaps = {"new": [], "legacy": []}
    told_ms: Gaps = {"new": [], "legacy": []}
    with tempfile.TemporaryDirectory() as root, writers(shop) as running:
        item = Replication(shop.engine, Place(f"{root}/item"), root)
        for _unused in range(rounds):
            for side in SIDES:
                supervised[side].append(_gap(running, partial(_switch, item, side)))
                told_ms[side].append(told(item.place).write_pause_ms or 0.0)
            with ByHand(shop) as operator:
                for side in SIDES:
                    by_hand[side].append(_gap(running, partial(operator.switch, side)))
    failed = sum(len(writer.failed) for writer in running)
    texts = set().union(*(writer.texts for writer in running))
    lost = len(texts - shop.notes("legacy"))
    shop.unlink()
    return [
        *(_pause(side, supervised[side], by_hand[side]) for side in SIDES),
        *(_inside(side, told_ms[side]) for side in SIDES),
        _count("failed transactions during the switches", failed, len(texts)),
        _count("acknowledged writes lost by the switches", lost, len(texts)),
    ]


def _switch(item: Replication, side: Side) -> None:
    item.switch(side, is_dry=False)


def _gap(running: list[Writer], switch: Any) -> float:
    """Return the longest time without an acknowledged write of any writer, in ms."""
    began = time.monotonic()
    switch()
    time.sleep(0.2)
    stamps = sorted(
        at for w in running for at, _unused in w.acknowledged if at >= began
    )
    return max(b - a for a, b in zip(stamps, stamps[1:])) * 1000


def _pause(side: Side, ours: list[float], theirs: list[float]) -> dict[str, Any]:
    value, against = statistics.median(ours), statistics.median(theirs)
    return {
        "name": f"write pause at the switch to {side}, for clients, {len(ours)} times",
        "value": round(value, 1),
        "unit": "ms",
        "against": f"{against:.1f} ms: the fast switch by hand, connections open",
        "ratio": round(value / against, 2),
        "bound": f"<= {BOUND:g}",
        "holds": value / against <= BOUND,
    }


def _inside(side: Side, ours: list[float]) -> dict[str, Any]:
    return {
        "name": f"write pause at the switch to {side}, PAUSE to RESUME (median)",
        "value": round(statistics.median(ours), 1),
        "unit": "ms",
        "against": "",
        "ratio": None,
        "bound": "",
        "holds": None,
    }


def _count(name: str, value: int, total: int) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "unit": f"of {total}",
        "against": "",
        "ratio": None,
        "bound": "0",
        "holds": value == 0,
    }
