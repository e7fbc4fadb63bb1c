"""The role prepares a host, and a second run changes nothing."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def applied(directory: Path, book: Path) -> str:
    """What ansible-playbook prints."""
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            str(book),
            *("-i", "localhost,", "-c", "local"),
            *("-e", f"ansible_python_interpreter={sys.executable}"),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_HOME": str(ROOT / ".ansible")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class TestRole:
    """Apply, apply again unchanged, look."""

    def test_makes_the_directory_and_finds_psycopg(self, tmp_path: Path) -> None:
        variables = {
            "state_host_directory": str(tmp_path / "state"),
            "state_host_packages": [],
            "state_host_python": sys.executable,
            "state_host_at_boot": False,
        }
        book = tmp_path / "book.yml"
        role = {"name": "hal9.migrate.state_host"}
        play = {"hosts": "localhost", "gather_facts": False, "vars": variables}
        task = {"ansible.builtin.include_role": role}
        book.write_text(json.dumps([{**play, "tasks": [task]}]))
        assert re.search(r"changed=1 ", applied(tmp_path, book))
        assert re.search(r"changed=0 ", applied(tmp_path, book))
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
