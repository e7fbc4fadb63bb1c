"""The emergency playbook goes on where the routers that come first are out of reach."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.lab.parts import free_port

ROOT = Path(__file__).parents[3]


def test_the_others_are_told_when_the_first_two_cannot_be_reached(
    tmp_path: Path,
) -> None:
    away = {"ansible_host": "127.0.0.1", "ansible_port": free_port()}
    told = tmp_path / "told"
    command = tmp_path / "break-glass"
    command.write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    command.chmod(0o755)
    here = {
        "ansible_connection": "local",
        "hal9_router": {"break_glass": str(command), "directory": str(tmp_path)},
    }
    routers = {"r1": away, "r2": away, "r3": here, "r4": here}
    variables = {"hal9_migration": {"name": "shop"}}
    inventory = tmp_path / "inventory.json"
    inventory.write_text(
        json.dumps({"hal9_routers": {"hosts": routers, "vars": variables}})
    )
    subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(inventory), "hal9.migrate.emergency_rollback"),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_HOME": str(ROOT / ".ansible")},
        capture_output=True,
        timeout=120,
        check=False,  # there is no journal to record it in
    )
    assert told.read_text().splitlines() == [
        f"--directory {tmp_path} rollback shop",
        f"--directory {tmp_path} rollback shop",
    ]
