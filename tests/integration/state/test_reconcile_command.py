"""Verify and reconcile as an operator types them."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.state.bed import PASSWORD, Shop

ROOT = Path(__file__).parents[3]
COMMAND = str(Path(sys.executable).parent / "hal9-migrate")


class Desk:
    """An inventory with the shop's declaration, and who types beside it."""

    def __init__(self, shop: Shop, directory: Path) -> None:
        """Write the inventory."""
        self.shop, self.directory = shop, directory
        self.journal = directory / "journal.db"
        declared = {
            **shop.declaration,
            "journal": {"backend": "sqlite", "path": str(self.journal)},
        }
        variables: dict[str, Any] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "hal9_state_directory": str(directory / "state"),
            "hal9_migration": declared,
        }
        self.secrets = {"LEGACY": shop.site.legacy, "NEW": shop.site.new}
        for name, secret in shop.secrets.items():
            kind, _unused, key = name.partition(":")
            if kind == "var":
                variables[key] = secret
        hosts = {"hosts": {"localhost": {}}}
        groups = {"hal9_routers": hosts, "hal9_coordinator": hosts}
        inventory = {"all": {"children": groups, "vars": variables}}
        self.inventory = directory / "inventory.yml"
        self.inventory.write_text(json.dumps(inventory))

    def types(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [COMMAND, "-i", str(self.inventory), *line.split()],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_HOME": str(ROOT / ".ansible"), **self.secrets},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def events(self) -> list[dict[str, Any]]:
        """What the journal says of repairs."""
        if not self.journal.exists():
            return []
        with sqlite3.connect(self.journal) as connection:
            query = "SELECT body FROM events WHERE kind = 'reconcile' ORDER BY sequence"
            return [json.loads(body) for (body,) in connection.execute(query)]


@pytest.fixture
def desk(linked: Shop, tmp_path: Path) -> Desk:
    """A linked shop whose labels may be repaired."""
    safe = {"tables": ["labels"], "repair": ["changed", "lost"]}
    linked.declared = {"reconcile": safe}
    return Desk(linked, tmp_path)


@pytest.mark.slow
class TestCommand:
    """What is wrong is named, shown, repaired, recorded."""

    def test_verify_names_it_and_reconcile_repairs_it(self, desk: Desk) -> None:
        """reladiff compares keys alone unless told, and ends with 0 all the same."""
        desk.shop.sql("new", "UPDATE labels SET body = 'bad' WHERE code = 'a'")
        wrong = desk.types("state verify")
        assert wrong.returncode != 0
        assert "public.labels a (changed)" in wrong.stdout + wrong.stderr

        dry = desk.types("state reconcile --dry-run")
        assert dry.returncode == 0, dry.stdout + dry.stderr
        assert "would be repaired on new: public.labels a (changed)." in dry.stdout
        assert desk.events() == []
        assert desk.types("state verify").returncode != 0

        done = desk.types("state reconcile")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "repaired on new: public.labels a (changed)." in done.stdout
        row = {"table": "public.labels", "key": "a", "kind": "changed"}
        (event,) = desk.events()
        assert (event["side"], event["repaired"]) == ("new", [row])

        again = desk.types("state reconcile --format json")
        assert again.returncode == 0, again.stderr
        told = json.loads(again.stdout)
        assert (told["changed"], told["repaired"]) == (False, [])
        assert len(desk.events()) == 1
        assert desk.types("state verify").returncode == 0
        said = "".join(e.stdout + e.stderr for e in (wrong, dry, done, again))
        assert PASSWORD not in said

    def test_what_is_not_declared_safe_is_left_and_said(self, desk: Desk) -> None:
        desk.shop.sql("new", "UPDATE orders SET amount = -1 WHERE id = 9")
        left = desk.types("state reconcile")
        assert left.returncode != 0
        assert "1 rows that differ are not declared safe" in left.stdout + left.stderr
        assert desk.events() == []
