"""Runs the modules as an operator does: by ansible-playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.state.bed import Shop

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Told:
    """The results of the tasks, by their number, and everything that was printed."""

    results: list[dict[str, Any]]
    printed: str


def play(
    shop: Shop, directory: Path, *tasks: dict[str, Any], check: bool = False
) -> Told:
    """Run modules one after the other; a failed one ends the play."""
    said = directory / "results.json"
    shown = directory / "secrets.json"
    shown.write_text(json.dumps({"given": shop.secrets, "declared": shop.declaration}))
    names = ", ".join(f"seen{number}" for number in range(len(tasks)))
    kept = {"content": f"{{{{ [{names}] | to_json }}}}", "dest": str(said)}
    play = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [
                *(_task(number, task, directory) for number, task in enumerate(tasks)),
                {
                    "ansible.builtin.copy": {**kept, "mode": "0600"},
                    "check_mode": False,
                },
            ],
        }
    ]
    book = directory / "book.yml"
    book.write_text(json.dumps(play))
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(book)]
    command += ["-i", "localhost,", "-c", "local", "-e", f"@{shown}", "-vvv"]
    command += ["-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(
        [*command, *(["--check"] if check else [])],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_HOME": str(ROOT / ".ansible")},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    printed = done.stdout + done.stderr
    assert said.exists(), printed
    results = json.loads(said.read_text())
    said.unlink()
    return Told(results, printed)


def _task(number: int, task: dict[str, Any], directory: Path) -> dict[str, Any]:
    name, options = next(iter(task.items()))
    common = {
        "migration": "{{ declared }}",
        "item": "orders",
        "secrets": "{{ given }}",
        "directory": str(directory / "state"),
    }
    return {
        f"hal9.migrate.{name}": {**common, **options},
        "register": f"seen{number}",
        "ignore_errors": True,
    }
