"""The switch there and back, under a writer."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.switch import (
    steps_taken,
)
from tests.integration.state.bed import Shop, writers


class TestThereAndBack:
    """What was acknowledged is on the authority, whichever it is."""

    def test_every_acknowledged_write_survives_switches_to_and_fro(
        self, linked: Shop, place: Place
    ) -> None:
        pauses = []
        with writers(linked) as running:
            for toward in ("new", "legacy", "new", "legacy"):
                assert linked.switch(toward, place) == "switched"
                pauses.append(told(place).write_pause_ms)
                print(toward, pauses[-1], list(steps_taken(place)))
        print([w.longest_gap_ms for w in running], [len(w.texts) for w in running])
        assert [writer.failed for writer in running] == [[], []]
        acknowledged = set().union(*(writer.texts for writer in running))
        assert acknowledged - linked.notes("legacy") == set()
        assert linked.read().authority == "legacy"
