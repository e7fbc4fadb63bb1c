"""A router restarts, or is lost, while users ask through both: each answer comes from
the side predicted for its user, and only what came to that router in its absence fails.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.hal9.migrate.plugins.module_utils._core.share import (
    bucket,
    side,
)
from tests.integration.router.bed import Bed, hear_each_other
from tests.integration.router.client import Load, Record

SHARE = 5000
ABSENT_SECONDS = 1.0
SERVED_SECONDS = 0.05
"""So slow that some request is under way at any moment."""
USERS = 100


@dataclass(frozen=True)
class Story:
    """What users of both routers saw around the absence of the first."""

    lost: int
    gone: float
    told: float
    records: list[Record]

    @property
    def answered(self) -> list[Record]:
        """What got an answer."""
        return [one for one in self.records if not one.failed]

    @property
    def failed(self) -> list[Record]:
        """What got none."""
        return [one for one in self.records if one.failed]

    @property
    def on_open_connections(self) -> list[Record]:
        """Failures on connections that were open when the router went."""
        return [one for one in self.failed if one.kept]

    @property
    def while_absent(self) -> list[Record]:
        """Failures of those who opened a connection to it in its absence."""
        return [one for one in self.failed if not one.kept]

    def strangers(self) -> list[Record]:
        """Return failures at the other router, and at this one before it went or after
        it was back.
        """
        return [
            one
            for one in self.failed
            if one.router != self.lost
            or one.ended < self.gone
            or one.began >= self.told
        ]

    def on_the_wrong_side(self) -> list[Record]:
        """Return the answers from another side than the user's, but for legacy's from
        a router that has begun anew and not been told of the lease.
        """
        wrong = [
            one
            for one in self.answered
            if one.side != side(bucket("shop", one.user), SHARE)
        ]
        return [one for one in wrong if not self._has_no_lease(one)]

    def _has_no_lease(self, one: Record) -> bool:
        is_new = one.router == self.lost and one.ended > self.gone
        return is_new and one.began < self.told and one.side == "legacy"

    def sides_of(self, port: int, since: float, until: float) -> set[str]:
        """Return the sides that answered at a router in a time."""
        return {
            one.side
            for one in self.answered
            if one.router == port and since <= one.began and one.ended <= until
        }


def told(bed: Bed, absence: Callable[[Bed], None]) -> Story:
    """Ask through both routers while the first is absent and tells its lease again."""
    bed.share(SHARE, lease=120)
    for service in bed.services.services.values():
        service.delay = SERVED_SECONDS
    times: list[float] = []

    def scenario() -> None:
        time.sleep(1)
        times.append(time.time())
        absence(bed)
        hear_each_other(bed)
        bed.first.adapter.renew("shop", bed.epoch, int(time.time()) + 120)
        times.append(time.time())
        time.sleep(1)

    load = Load(bed.ports, users=USERS, per_second=150)
    records = asyncio.run(load.run(scenario))
    gone, back = times
    return Story(bed.first.port, gone, back, records)


def restart(bed: Bed) -> None:
    bed.first.haproxy.restart()


def lose(bed: Bed) -> None:
    bed.first.haproxy.kill()
    time.sleep(ABSENT_SECONDS)
    bed.first.haproxy.start()


class TestUnderLoad:
    def test_a_restart(self, own_bed: Bed) -> None:
        story = told(own_bed, restart)
        self._everybody_was_right(own_bed, story)

    def test_a_loss(self, own_bed: Bed) -> None:
        story = told(own_bed, lose)
        self._everybody_was_right(own_bed, story)
        # A restart is over before a user of each side has been served.
        meanwhile = story.sides_of(own_bed.second.port, story.gone, story.told)
        assert meanwhile == {"legacy", "new"}
        assert story.while_absent != []
        assert story.on_open_connections != []

    def _everybody_was_right(self, bed: Bed, story: Story) -> None:
        assert story.strangers() == []
        assert story.on_the_wrong_side() == []
        assert len(story.on_open_connections) <= Load.lanes // len(bed.ports)
        both, end = {"legacy", "new"}, time.time()
        for port in bed.ports:
            assert story.sides_of(port, 0, story.gone) == both
            assert story.sides_of(port, story.told, end) == both
        connected, came = len(story.on_open_connections), len(story.while_absent)
        print(
            f"{len(story.records)} requests; failed {connected} on open connections, "
            f"{came} that came in its absence"
        )
