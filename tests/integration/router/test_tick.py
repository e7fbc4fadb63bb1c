"""What the tick tells the peers, seen in the table that they share."""

from __future__ import annotations

import time

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    names,
    tables,
)
from tests.integration.router.bed import Bed

EXPIRES_MS = 24 * 86_400_000
TICK_MS = 100


def legacy_entry(bed: Bed) -> dict[str, int]:
    """What the first router has told of legacy's first half; telling renews `exp`."""
    table = names.shared_table("shop", bed.first.name)
    (reply, *_draining) = bed.first.haproxy.ask_all(f"show table {table}")
    return tables.parse_table(reply)[str(names.LEGACY_ARMS[0])]


class TestAtRest:
    def test_it_tells_now_and_then_that_it_is_there(self, bed: Bed) -> None:
        entries = []
        for _unused in range(60):
            entries.append(legacy_entry(bed))
            time.sleep(TICK_MS / 2000)
        ages = [EXPIRES_MS - entry["exp"] for entry in entries]
        assert max(ages) > 4 * TICK_MS
        times = [entry[f"gpt{names.SHARED_TIME}"] for entry in entries]
        assert times[-1] > times[0]
