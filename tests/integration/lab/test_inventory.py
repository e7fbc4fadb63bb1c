"""The inventory of the lab says what the lab does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from tests.lab.layout import ROOT, Lab
from tests.lab.promises import GUARD_FAILURES
from tests.lab.stack import INVENTORY

LAB = Lab(ROOT / ".lab", Path("/var/tmp/nowhere"), 21000)


@pytest.fixture(scope="module")
def migration() -> Migration:
    return parse(rendered("router1", "hal9_migration"))


def rendered(host: str, variable: str) -> dict[str, Any]:
    """A variable as a task on that host sees it."""
    argument = f"msg={{{{ {variable} }}}}"
    done = ansible("ansible", host, "-m", "ansible.builtin.debug", "-a", argument)
    answer = json.loads(done[done.index("{") :])["msg"]
    assert isinstance(answer, dict)
    return answer


def ansible(program: str, *arguments: str) -> str:
    place = {"HAL9_LAB_HOME": str(LAB.home), "HAL9_LAB_PORT": str(LAB.base_port)}
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name(program)),
            "-i",
            str(INVENTORY),
            *arguments,
        ],
        cwd=ROOT,
        env={**os.environ, **place, "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


class TestDeclaration:
    def test_it_can_be_read(self, migration: Migration) -> None:
        assert migration.name == "shop"

    def test_the_guard_is_the_one_the_demo_judges_by(
        self, migration: Migration
    ) -> None:
        assert migration.guard.failures == GUARD_FAILURES

    def test_servers_listen_where_it_says(self, migration: Migration) -> None:
        servers = [*migration.legacy.servers, *migration.new.servers]
        declared = {one.name: one.address for one in servers}
        assert declared == {name: address(name) for name in declared}
        assert set(declared) == {"legacy1", "legacy2", "new1", "new2", "new3"}


class TestRouters:
    @pytest.mark.parametrize("number", [1, 2])
    def test_peer_and_metrics_are_where_it_says(self, number: int) -> None:
        router = rendered(f"router{number}", "hal9_router")
        assert router["name"] == f"router{number}"
        assert router["peer"] == address(f"peer{number}")
        assert router["metrics_bind"] == address(f"metrics{number}")
        assert router["config"] == str(LAB.home / f"router{number}" / "haproxy.cfg")


class TestGroups:
    def test_every_part_has_its_host(self) -> None:
        groups = json.loads(ansible("ansible-inventory", "--list"))
        assert groups["hal9_routers"]["hosts"] == ["router1", "router2"]
        assert groups["hal9_state"]["hosts"] == ["db1"]
        assert groups["hal9_coordinator"]["hosts"] == ["localhost"]


def address(name: str) -> str:
    return f"127.0.0.1:{LAB.port(name)}"
