"""A share lives as long as its lease; an old or refused command changes nothing."""

from __future__ import annotations

import asyncio
import time

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.runtime import (
    CommandRefused,
    Runtime,
    Worker,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StaleEpoch,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    JournalHead,
    TrafficSetting,
)
from tests.integration.router.bed import Bed
from tests.integration.router.client import Load, ask_users
from tests.lab.parts import wait_until

USERS = [f"user{number}" for number in range(60)]


def sides(bed: Bed, place: int = 0) -> set[str]:
    return {record.side for record in ask_users(bed.ports[place], USERS)}


class TestLease:
    def test_users_are_back_on_legacy_when_it_ends(self, bed: Bed) -> None:
        bed.share(5000, lease=2)
        ends = bed.first.adapter.read("shop").lease_until
        records = asyncio.run(Load(bed.ports).run(lambda: time.sleep(3.5)))
        assert any(r.side == "new" for r in records)
        assert [r for r in records if r.side == "new" and r.began >= ends + 1] == []
        assert any(r.began >= ends + 1 for r in records)
        assert [r for r in records if r.failed] == []

    def test_a_renewal_on_one_router_reaches_the_other(self, bed: Bed) -> None:
        bed.share(5000, lease=2)
        ends = time.time() + 4
        while time.time() < ends:
            bed.first.adapter.renew("shop", bed.epoch, int(time.time()) + 2)
            assert sides(bed, 1) == {"legacy", "new"}
            time.sleep(0.5)

    def test_the_fallback_holds_without_a_lease(self, bed: Bed) -> None:
        bed.share(10_000, lease=-1, fallback=10_000)
        assert sides(bed) == {"new"}

    def test_missing_entries_of_the_map_mean_legacy(self, bed: Bed) -> None:
        bed.share(10_000)
        path = f"{bed.first.directory}/shop.map"
        (refusal,) = bed.first.haproxy.ask_all(f"clear map {path}")
        assert refusal.strip() == ""
        assert sides(bed) == {"legacy"}

    def test_a_missing_file_reads_as_legacy(self, bed: Bed) -> None:
        bed.share(5000)
        (bed.first.directory / "shop.map").unlink()
        setting = bed.first.adapter.read("shop").setting
        assert (setting.share, setting.fallback, setting.epoch) == (0, 0, 0)


class TestEpoch:
    def test_what_an_older_controller_says_is_refused(self, bed: Bed) -> None:
        bed.share(5000)
        adapter, lease = bed.first.adapter, int(time.time()) + 60
        stale = TrafficSetting("shop", 9000, epoch=bed.epoch - 1)
        with pytest.raises(StaleEpoch, match="newer"):
            adapter.apply(stale, lease)
        other = TrafficSetting("shop", 9000, epoch=bed.epoch)
        with pytest.raises(StaleEpoch, match="other content"):
            adapter.apply(other, lease)
        for epoch in (bed.epoch - 1, bed.epoch + 1):
            with pytest.raises(StaleEpoch, match="renew"):
                adapter.renew("shop", epoch, lease)
        assert adapter.read("shop").effective_share == 5000

    def test_the_same_once_more_is_admitted(self, bed: Bed) -> None:
        bed.share(5000)
        lease = int(time.time()) + 60
        same = TrafficSetting("shop", 5000, epoch=bed.epoch)
        reading = bed.first.adapter.apply(same, lease)
        assert (reading.setting.share, reading.lease_until) == (5000, lease)

    def test_the_journals_head_is_kept(self, bed: Bed) -> None:
        head = JournalHead(7, "0123456789abcde")
        setting = TrafficSetting("shop", 100, epoch=bed.epoch + 1, head=head)
        reading = bed.first.adapter.apply(setting, int(time.time()) + 60)
        assert reading.setting == setting
        assert {worker.setting for worker in reading.workers} == {setting}


class TestTrip:
    def test_a_tripped_router_takes_no_share(self, bed: Bed) -> None:
        bed.share(5000)
        tripped = bed.first.adapter.trip("shop", "gate")
        assert (tripped.trip, tripped.setting.share) == ("gate", 0)
        assert tripped.setting.epoch == bed.epoch + 1
        later = TrafficSetting("shop", 5000, epoch=bed.epoch + 2)
        with pytest.raises(StateConflict, match="tripped"):
            bed.first.adapter.apply(later, int(time.time()) + 60)
        assert sides(bed, 0) == sides(bed, 1) == {"legacy"}

    def test_a_second_trip_keeps_epoch_and_cause(self, bed: Bed) -> None:
        first = bed.first.adapter.trip("shop", "gate")
        again = bed.first.adapter.trip("shop", "operator")
        assert (again.trip, again.setting) == ("gate", first.setting)

    def test_a_release_gives_no_router_its_old_share_back(self, bed: Bed) -> None:
        bed.share(5000)
        tripped = bed.first.adapter.trip("shop", "operator")
        wait_until(lambda: sides(bed, 1) == {"legacy"}, 2, "trip carried by peers")
        bed.first.adapter.release("shop", tripped.setting.epoch + 1)
        wait_until(lambda: bed.second.adapter.read("shop").trip is None, 2, "release")
        assert bed.second.adapter.read("shop").setting.share == 5000
        assert sides(bed, 0) == sides(bed, 1) == {"legacy"}

    def test_it_is_told_to_the_workers_when_the_disk_is_lost(
        self, bed: Bed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bed.share(5000)

        def full(*_unused: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr("os.fsync", full)
            with pytest.raises(MigrateError, match="No space left"):
                bed.first.adapter.trip("shop", "operator")
        assert sides(bed, 0) == sides(bed, 1) == {"legacy"}


class Refusing(Runtime):
    """A runtime whose HAProxy refuses what begins with `set map`."""

    def ask(self, worker: Worker, command: str) -> str:
        """Answer as HAProxy does to a user without the right."""
        if command.startswith("set map"):
            return "Permission denied\n"
        return super().ask(worker, command)


class TestRefusal:
    def test_a_router_that_refuses_a_command_is_a_failure(self, bed: Bed) -> None:
        refusing = HaproxyRouter(
            bed.first.adapter.site, Refusing(bed.first.adapter.site.master_socket)
        )
        setting = TrafficSetting("shop", 5000, epoch=bed.epoch + 1)
        with pytest.raises(CommandRefused, match="Permission denied"):
            refusing.apply(setting, int(time.time()) + 60)
        assert sides(bed) == {"legacy"}

    def test_haproxys_own_refusal_is_heard(self, bed: Bed) -> None:
        runtime = bed.first.adapter.runtime
        worker = runtime.workers()[0]
        with pytest.raises(CommandRefused, match="hal9_nowhere"):
            runtime.order(worker, "set table hal9_nowhere key a data.gpt0 1")
