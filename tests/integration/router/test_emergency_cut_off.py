"""The plain emergency playbook, with ssh connections that were kept open to hosts that
are gone since: the coordinator and a router.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.site import BenchSite, site
from tests.lab.parts import scratch_directory

CUT = ("r02", "r03")
FAILED, UNREACHABLE = 2, 4
"""How ansible-playbook ends when a host failed, and when one could not be reached."""

PATIENCE_SECONDS = 150
"""ssh waits for many minutes on a kept connection whose other end is gone."""

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="hosts of its own need root"),
    pytest.mark.timeout(300),
]


class KeptConnections:
    """Ansible as most sites have it: connections stay open for the next play."""

    def __init__(self, made: BenchSite) -> None:
        """Say whose hosts; no connection is there yet."""
        self._made = made
        self._directory = made.scratch / "cp"

    def run(self, program: str, *arguments: str) -> tuple[int, str]:
        """Return how a command of Ansible's ended, and its output."""
        bin_directory = Path(".venv/bin").resolve()
        options = (
            f"-i {self._made.hosts.keys.private} -o StrictHostKeyChecking=no"
            " -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
            " -o ControlMaster=auto -o ControlPersist=300s"
        )
        environment = self._made.hosts.environment() | {
            "ANSIBLE_SSH_ARGS": options,
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._directory),
            "ANSIBLE_COLLECTIONS_PATH": ".ansible/collections",
            "ANSIBLE_INVENTORY": str(self._made.inventory),
        }
        command = self._made.hosts.inside(str(bin_directory / program), *arguments)
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def sockets(self) -> list[Path]:
        """Return where the kept connections are reached."""
        return [each for each in self._directory.glob("*") if each.is_socket()]

    def end(self) -> None:
        """End every kept connection."""
        for socket in self.sockets():
            subprocess.run(
                ["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "any"],
                capture_output=True,
                timeout=20,
                check=False,
            )


@pytest.fixture
def kept() -> Iterator[tuple[BenchSite, KeptConnections]]:
    """Three routers that send users to new; the third one keeps the journal."""
    with scratch_directory("hal9-cut-") as directory, site(directory, 3) as made:
        made.everybody_to_new()
        inventory = json.loads(made.inventory.read_text())
        inventory["all"]["children"]["hal9_coordinator"] = {"hosts": {"r03": {}}}
        made.inventory.write_text(json.dumps(inventory))
        connections = KeptConnections(made)
        try:
            yield made, connections
        finally:
            connections.end()


def test_the_router_that_is_left_is_tripped_and_the_rest_is_named(
    kept: tuple[BenchSite, KeptConnections],
) -> None:
    made, ansible = kept
    code, output = ansible.run("ansible", "all", "-m", "ansible.builtin.ping")
    assert code == 0, output
    assert len(ansible.sockets()) == 3
    for host in CUT:
        made.hosts.network.cut(host)
    code, output = ansible.run("ansible-playbook", "hal9.migrate.emergency_rollback")
    assert made.routers[0].is_tripped_for_good(), output
    assert code == UNREACHABLE, output
    assert "1 of 3 routers are tripped and read back (r01)" in output
    assert "The journal could not be told" in output
    assert "Out of reach: r02, r03." in output
    assert "No incident report was written: the coordinator could not be" in output


def test_a_router_that_is_not_read_back_as_tripped_is_named_and_fails(
    kept: tuple[BenchSite, KeptConnections],
) -> None:
    made, ansible = kept
    made.routers[1].run("pkill", "-KILL", "haproxy")
    code, output = ansible.run("ansible-playbook", "hal9.migrate.emergency_rollback")
    assert made.routers[0].is_tripped_for_good(), output
    assert code == FAILED, output
    assert "Not every router is tripped: r02 was reached" in output
