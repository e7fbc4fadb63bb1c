"""A router whose file system nobody can write: changes are refused with the reason, and
an emergency works all the same.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    TrafficSetting,
)
from tests.integration.router.bed import Bed
from tests.integration.router.client import ask_users

USERS = [f"user{number}" for number in range(60)]
NOT_WRITTEN = "shop.map cannot be written (Read-only file system)"

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="a mount needs root")


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    """Let nobody write below the directory, as after an error of the disk."""
    mount(["--bind", directory, directory])
    try:
        mount(["-o", "remount,bind,ro", directory])
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True, timeout=10)


def mount(arguments: list[str | Path]) -> None:
    subprocess.run(["mount", *arguments], check=True, timeout=10)


def sides(bed: Bed) -> set[str]:
    seen = [one for port in bed.ports for one in ask_users(port, USERS)]
    assert not [one for one in seen if one.failed]
    return {one.side for one in seen}


class TestReadOnly:
    @pytest.mark.parametrize("is_locked_before", [True, False])
    def test_a_trip_reaches_every_user_and_says_what_it_could_not_do(
        self, bed: Bed, is_locked_before: bool
    ) -> None:
        router = bed.first
        bed.share(10_000)
        assert sides(bed) == {"new"}
        if not is_locked_before:
            Path(router.adapter.site.lock_path("shop")).unlink()
        with read_only(router.directory):
            with pytest.raises(MigrateError) as told:
                router.adapter.trip("shop", "operator")
            assert sides(bed) == {"legacy"}
        assert NOT_WRITTEN in str(told.value)

    @pytest.mark.parametrize("is_locked_before", [True, False])
    def test_a_share_is_refused_with_the_reason(
        self, bed: Bed, is_locked_before: bool
    ) -> None:
        router = bed.first
        bed.share(0)
        lock = Path(router.adapter.site.lock_path("shop"))
        if not is_locked_before:
            lock.unlink()
        setting = TrafficSetting("shop", 5000, 0, bed.epoch + 1)
        with read_only(router.directory), pytest.raises(MigrateError) as told:
            router.adapter.apply(setting, 2**31)
        path = router.directory / "shop.map" if is_locked_before else lock
        assert f"Cannot write {path}: Read-only file system." in str(told.value)
        assert sides(bed) == {"legacy"}
