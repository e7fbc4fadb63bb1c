"""The emergency playbook goes on past routers that are out of reach, or that hang."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.lab.parts import free_port

ROOT = Path(__file__).parents[3]


class TestOthersAreTold:
    """Two routers come first; whatever is wrong with them, the next ones are told."""

    def test_when_the_first_two_cannot_be_reached(self, tmp_path: Path) -> None:
        away = {"ansible_host": "127.0.0.1", "ansible_port": free_port()}
        routers = {"r1": away, "r2": away, "r3": here(tmp_path), "r4": here(tmp_path)}
        emergency(tmp_path, routers)
        assert told(tmp_path) == [f"--directory {tmp_path} rollback shop"] * 2

    def test_when_the_first_two_hang(self, tmp_path: Path) -> None:
        pids = tmp_path / "pids"
        stuck = here(tmp_path, f"echo $$ >> {pids}; exec sleep 100")
        routers = {"r1": stuck, "r2": stuck, "r3": here(tmp_path), "r4": here(tmp_path)}
        try:
            emergency(tmp_path, routers)
        finally:
            for pid in pids.read_text().split():
                with contextlib.suppress(ProcessLookupError):  # it slept long enough
                    os.kill(int(pid), signal.SIGKILL)
        assert told(tmp_path) == [f"--directory {tmp_path} rollback shop"] * 2


def here(directory: Path, first: str = "true") -> dict[str, Any]:
    """Return a router on this machine, whose break-glass does something at first."""
    command = directory / f"break-glass-{first.partition(' ')[0]}"
    command.write_text(f'#!/bin/sh\n{first}\necho "$@" >> {directory}/told\n')
    command.chmod(0o755)
    router = {"break_glass": str(command), "directory": str(directory)}
    return {"ansible_connection": "local", "hal9_router": router}


def told(directory: Path) -> list[str]:
    """Return how break-glass was called."""
    return (directory / "told").read_text().splitlines()


def emergency(directory: Path, routers: dict[str, dict[str, Any]]) -> None:
    """Run the playbook; it may fail, since there is no journal to record it in."""
    variables = {"hal9_migration": {"name": "shop"}}
    inventory = directory / "inventory.json"
    inventory.write_text(
        json.dumps({"hal9_routers": {"hosts": routers, "vars": variables}})
    )
    playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    subprocess.run(
        [playbook, "-i", str(inventory), "hal9.migrate.emergency_rollback"],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_HOME": str(ROOT / ".ansible")},
        capture_output=True,
        timeout=120,
        check=False,
    )
