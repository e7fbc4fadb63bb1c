# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flag file on a real file system, read back by the official OpenFeature
provider.
"""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.flags_file import (
    FlagsFile,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.flags import Turn, turn

USERS = 2000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "flags.json"
    flag = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
    }
    counted = {"state": "ENABLED", "variants": {"n": 0}, "defaultVariant": "n"}
    file.write_text(json.dumps({"flags": {"shop-new": flag, "counted": counted}}))
    return file


@contextmanager
def official_reader(path: Path) -> Iterator[OpenFeatureClient]:
    provider = FlagdProvider(
        resolver_type=ResolverType.FILE,
        offline_flag_source_path=str(path),
        deadline_ms=5000,
    )
    api.set_provider(provider)
    try:
        yield api.get_client()
    finally:
        api.shutdown()


def await_reader(client: OpenFeatureClient) -> None:
    """Wait until the provider has read the file; until then it gives the default."""
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        found = client.get_boolean_details("shop-new", False, EvaluationContext("u"))
        if found.error_code is None:
            return
        time.sleep(0.05)


def users_with_new(path: Path) -> int:
    with official_reader(path) as client:
        await_reader(client)
        return sum(
            client.get_boolean_value(
                "shop-new", False, EvaluationContext(f"user-{number}")
            )
            for number in range(USERS)
        )


class TestChange:
    def test_the_official_provider_reads_everybody(self, path: Path) -> None:
        FlagsFile(str(path)).change(lambda now: turn(now, Turn("shop-new", "on")))
        assert users_with_new(path) == USERS

    def test_the_official_provider_reads_the_percentage(self, path: Path) -> None:
        FlagsFile(str(path)).change(lambda now: turn(now, Turn("shop-new", "on", 25)))
        assert pytest.approx(users_with_new(path) / USERS, abs=0.04) == 0.25

    def test_the_official_provider_reads_nobody(self, path: Path) -> None:
        assert users_with_new(path) == 0

    def test_leaves_the_file_alone_when_nothing_changes(self, path: Path) -> None:
        before = path.stat()
        FlagsFile(str(path)).change(dict)
        after = path.stat()
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)

    def test_keeps_the_mode_and_follows_a_link(self, path: Path) -> None:
        path.chmod(0o640)
        link = path.with_name("link.json")
        link.symlink_to(path)
        FlagsFile(str(link)).change(lambda now: turn(now, Turn("shop-new", "on")))
        assert link.is_symlink()
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        assert sorted(os.listdir(path.parent)) == ["flags.json", "link.json"]

    def test_no_change_is_lost_among_many_writers(self, path: Path) -> None:
        def count() -> None:
            for _unused in range(10):
                FlagsFile(str(path)).change(add_one)

        writers = [threading.Thread(target=count) for _unused in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(30)
        counted = FlagsFile(str(path)).load()["flags"]["counted"]
        assert counted["variants"]["n"] == 80

    def test_a_change_that_fails_leaves_file_and_directory_as_they_were(
        self, path: Path
    ) -> None:
        before = path.read_bytes()
        with pytest.raises(MigrateError):
            FlagsFile(str(path)).change(lambda now: turn(now, Turn("nothing", "on")))
        assert before == path.read_bytes()
        assert os.listdir(path.parent) == ["flags.json"]


class TestLoad:
    def test_says_which_file_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(MigrateError, match=r"absent\.json cannot be read"):
            FlagsFile(str(tmp_path / "absent.json")).load()

    @pytest.mark.parametrize("text", ["{", "[]", ""])
    def test_refuses_what_is_no_json_object(self, path: Path, text: str) -> None:
        path.write_text(text)
        with pytest.raises(MigrateError, match="JSON"):
            FlagsFile(str(path)).load()


def add_one(document: object) -> dict[str, object]:
    after: dict[str, object] = json.loads(json.dumps(document))
    after["flags"]["counted"]["variants"]["n"] += 1  # type: ignore[index]
    return after
