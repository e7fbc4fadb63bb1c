# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first guide, typed on a site that was never touched: two real HAProxy routers in
front of both services, with the example inventory edited as the guide says.

A service without a database: what the guide does for one is typed by the tests of the
lab. `ELSEWHERE` says of each command that is not typed here where it is.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from tests.integration.cli.test_command import users
from tests.integration.precheck.bed import UNUSED, Bed, running_site
from tests.lab.parts import wait_until

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = Path(sys.executable).parent
GUIDE = (ROOT / "docs/guides/first-migration.md").read_text(encoding="utf-8")
SHOWN = re.compile(r"^\$ (.+)$", re.MULTILINE)
IN_TEXT = re.compile(r"`(hal9-(?:migrate|break-glass) [^`\n]+)`")
BOUND_SECONDS = 240
ELSEWHERE = {
    "git clone": "needs the address of the repository; it is this checkout",
    "python3 -m venv": "tests/package/test_wheel.py installs into an empty one",
    "pip install .": "tests/package/test_wheel.py",
    "hal9-migrate --version": "tests/package/test_wheel.py",
    "read -rs SHOP_LEGACY_DSN": "no database here; test_state_guide.py has one",
    "ansible-playbook -i inventories/shop hal9.migrate.state_hosts": "installs"
    " packages; tests/integration/state/test_under_systemd.py applies it where it may",
    "haproxy -c -f /etc/haproxy/haproxy.cfg": "the path is the site's: `_lead`",
    "hal9-migrate -i inventories/shop status --watch": "test_lab_commands.py",
    "hal9-migrate hold --for 2h": "two hours; typed for seconds by test_command.py",
    "hal9-migrate -i inventories/shop rollback --emergency": "test_command.py",
}

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]


@dataclass
class Reader:
    """Somebody with the guide, a terminal, and hosts that are all on this machine."""

    bed: Bed
    typed: list[str] = field(default_factory=list)

    @property
    def inventory(self) -> Path:
        """The copy of the example."""
        return self.bed.directory / "shop"

    def begin(self, line: str) -> pexpect.spawn[str]:
        """Type a line of the guide at a terminal."""
        self.typed.append(line)
        words = [self._here(word) for word in shlex.split(line, comments=True)]
        if words[0].endswith("hal9-break-glass"):  # nothing is in /etc/haproxy here
            place = self.bed.routers[1].directory / "hal9"
            words[1:1] = ["--directory", str(place)]
        return pexpect.spawn(
            str(PROGRAMS / words[0]) if (PROGRAMS / words[0]).exists() else words[0],
            words[1:],
            cwd=str(ROOT),
            env={**os.environ, "ANSIBLE_HOME": str(ROOT / ".ansible"), "TERM": "dumb"},
            encoding="utf-8",
            dimensions=(50, 250),
            timeout=BOUND_SECONDS,
        )

    def types(self, line: str, ends: int = 0, *, answer: str = "") -> str:
        """Type it, answer what it asks, and return the screen when it has ended."""
        screen = self.begin(line)
        try:
            if answer:
                screen.expect_exact("[y/N]: ")
                screen.sendline(answer)
            screen.expect(pexpect.EOF)
            screen.wait()
        finally:
            screen.close()
        said = str(screen.before).replace("\r\n", "\n")
        assert screen.exitstatus == ends, f"{line}: {said}"
        print(f"$ {line}\n{said}")
        return said

    def _here(self, word: str) -> str:
        places = {
            "inventories/shop": str(self.inventory),
            "pre-check.html": str(self.bed.directory / "pre-check.html"),
            "hal9-break-glass": str(self.bed.routers[1].directory / "hal9-break-glass"),
        }
        return places.get(word, word)

    def shares(self) -> list[int]:
        """Read which share decides the next request on each router."""
        adapters = [
            HaproxyRouter.open(str(router.directory / "hal9"))
            for router in self.bed.routers
        ]
        return [adapter.share_in_force("shop") for adapter in adapters]


@pytest.fixture
def reader() -> Iterator[Reader]:
    with running_site() as bed:
        yield Reader(bed)


def test_each_answer_is_true(reader: Reader) -> None:
    declare(reader)
    the_first_pre_check_is_red_and_that_is_right(reader)
    prepare(reader)
    it_is_green(reader)
    with users(reader.bed):
        the_first_canary(reader)
        back(reader)
    wanted = {*SHOWN.findall(GUIDE), *IN_TEXT.findall(GUIDE)}
    missed = {
        line
        for line in wanted - set(reader.typed)
        if not line.startswith(tuple(ELSEWHERE))
    }
    assert missed == set()
    unused = [
        begin for begin in ELSEWHERE if not any(x.startswith(begin) for x in wanted)
    ]
    assert unused == []


def declare(reader: Reader) -> None:
    """Part 3: copy the example and edit three files."""
    copied = "cp -r inventories/example inventories/shop"
    reader.types(copied)
    rewrite(reader.inventory / "hosts.yml", _hosts)
    for router, peer in zip(reader.bed.routers, reader.bed.peers):
        file = reader.inventory / "host_vars" / f"{router.name}.yml"
        rewrite(
            file, lambda found, r=router, p=peer: found["hal9_router"].update(
                peer=f"127.0.0.1:{p}",
                config=str(r.config),
                master_socket=str(r.socket),
                reload=["kill", "-USR2", str(r.pid)],
                directory=str(r.directory / "hal9"),
                break_glass=str(r.directory / "hal9-break-glass"),
            )
        )  # fmt: skip
    rewrite(
        reader.inventory / "group_vars/all/migration.yml",
        lambda found: _migration(found["hal9_migration"], reader.bed),
    )
    said = reader.types("ansible -i inventories/shop all -m ansible.builtin.ping")
    assert said.count('"ping": "pong"') == 7


def rewrite(file: Path, edit: Any) -> None:
    """Edit a YAML file of the example."""
    content = yaml.safe_load(file.read_text())
    edit(content)
    file.write_text(yaml.safe_dump(content))


def _hosts(hosts: dict[str, Any]) -> None:
    """All of them are this machine, on which we are root already."""
    del hosts["all"]["children"]["databases"]
    hosts["all"]["vars"] = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
    }
    for group in hosts["all"]["children"].values():
        group.pop("vars", None)


def _migration(migration: dict[str, Any], bed: Bed) -> None:
    """No database, addresses of our own, and figures for a small service."""
    for absent in ("state", "writers", "backups"):
        del migration[absent]
    for side, servers in bed.declaration["sides"].items():
        migration["sides"][side]["servers"] = servers["servers"]
    del migration["sides"]["new"]["node_exporters"]
    migration["rollback"]["automatic"] = [{"metric": "error_rate", "above": "50%"}]
    gates = {"gates": {"error_rate": "<= 30%"}, "soak": "1s", "deadline": "3m"}
    migration["phases"]["canary"] = {**gates, "steps": ["1%", "5%"]}
    migration["sign_offs"] = ["database team"]
    migration["journal"] = bed.declaration["journal"]
    migration["reports"] = bed.declaration["reports"]


def the_first_pre_check_is_red_and_that_is_right(reader: Reader) -> None:
    """Part 4."""
    before = reader.bed.files()
    said = reader.types("hal9-migrate -i inventories/shop pre-check", ends=3)
    assert "Pre-check is red" in said
    told = GUIDE.partition("these four are red on each\nrouter")[2].partition("Every")[
        0
    ]
    four = set(re.findall(r"`([a-z_]+\.[a-z_]+)`", told))
    assert len(four) == 4
    for name in ("router1", "router2"):
        assert red(said, name) == four
    part = "pre-check --components router,service --deep"
    reader.types(f"hal9-migrate -i inventories/shop {part}", ends=3)
    page = "pre-check --format html --output pre-check.html"
    reader.types(f"hal9-migrate -i inventories/shop {page}", ends=3)
    assert "router.use_backend" in (reader.bed.directory / "pre-check.html").read_text()
    assert reader.bed.files() == before


def red(said: str, host: str) -> set[str]:
    """Return what blocks on a host."""
    return set(re.findall(rf"^✗ (\S+) on {host}:", said, re.MULTILINE))


def prepare(reader: Reader) -> None:
    """Parts 5 and 6."""
    before = reader.bed.files()
    line = "ansible-playbook -i inventories/shop hal9.migrate.routers"
    assert "backend hal9_shop" in reader.types(f"{line} --check --diff")
    assert reader.bed.files() == before
    reader.types(line)
    for router in reader.bed.routers:
        _lead(router)
    wait_until(reader.bed._connected, 20, "the routers' peers: connected")
    assert reader.shares() == [0, 0]


def _lead(router: Any) -> None:
    """Let the frontend lead to the new backend, as the guide shows it."""
    (chosen,) = re.findall(r"^  (default_backend \S+)", GUIDE, re.MULTILINE)
    text = router.config.read_text()
    router.write(text.replace(UNUSED, chosen, 1))
    program = shutil.which("haproxy") or "/usr/sbin/haproxy"
    subprocess.run([program, "-c", "-f", str(router.config)], check=True, timeout=30)
    router.reload()


def it_is_green(reader: Reader) -> None:
    """Part 7, with the one who signs."""
    look = "hal9-migrate -i inventories/shop pre-check"
    said = reader.types(look, ends=3)
    blocking = re.findall(r"^✗ (.+?):", said, re.MULTILINE)
    assert blocking == ["sign_off.database team"]
    reader.types(
        "ansible-playbook -i inventories/shop hal9.migrate.sign_off -e "
        '\'{"hal9_by": "database team"}\''
    )
    (green,) = re.findall(
        r"^(Pre-check is green: .+?) \(\.\.\.\)\.$", GUIDE, re.MULTILINE
    )
    assert green in reader.types(look)


def the_first_canary(reader: Reader) -> None:
    """Part 8."""
    step = "hal9-migrate -i inventories/shop migrate --phase canary --percentage"
    assert "share 1% would be applied" in reader.types(f"{step} 1 --dry-run")
    assert reader.shares() == [0, 0]
    said = reader.types(f"{step} 1", answer="y")
    assert "Committed: canary 1%" in said
    assert reader.shares() == [100, 100]
    assert "Committed: canary 5%" in reader.types(f"{step} 5", answer="y")
    assert reader.shares() == [500, 500]


def back(reader: Reader) -> None:
    """Part 9, the last row first: it leaves something to go back from."""
    back = "hal9-migrate -i inventories/shop rollback"
    assert "Rolled back: 0% of the users on new." in reader.types(back, answer="y")
    assert reader.shares() == [0, 0]
    assert "0% of the users" in reader.types(f"{back} --to zero", answer="y")
    reader.types("hal9-break-glass rollback shop")
    wait_until(lambda: reader.shares() == [0, 0], 10, "both: off new")
    said = reader.types("hal9-migrate -i inventories/shop release", answer="y")
    assert reader.shares() == [0, 0], said
