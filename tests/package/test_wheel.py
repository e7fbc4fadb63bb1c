# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheel alone, in an empty virtual environment, is a working command."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
INSIDE = "ansible_collections/hal9/migrate/"
SHIPPED = {
    "LICENSE",
    "README.md",
    "changelogs",
    "docs",
    "extensions",
    "galaxy.yml",
    "meta",
    "playbooks",
    "plugins",
    "roles",
    "runbooks",
}


def modules() -> list[str]:
    """Give the full names of the modules of the source tree."""
    files = sorted((ROOT / "plugins/modules").glob("*.py"))
    return [f"hal9.migrate.{file.stem}" for file in files]


class TestWheel:
    def test_carries_the_collection_and_nothing_else(self, wheel):
        names = zipfile.ZipFile(wheel).namelist()
        inside = [name for name in names if name.startswith(INSIDE)]
        around = [name for name in names if not name.startswith(INSIDE)]
        assert {
            name.removeprefix(INSIDE).partition("/")[0] for name in inside
        } <= SHIPPED
        assert all(".dist-info/" in name for name in around)
        assert [name for name in names if name.endswith(".pyc")] == []

    def test_carries_every_file_of_plugins_roles_and_playbooks(self, wheel):
        names = set(zipfile.ZipFile(wheel).namelist())
        wanted = [
            str(file.relative_to(ROOT))
            for folder in ("plugins", "roles", "playbooks", "meta")
            for file in (ROOT / folder).rglob("*")
            if file.is_file() and "cache" not in str(file)
        ]
        assert [name for name in wanted if INSIDE + name not in names] == []

    def test_has_the_version_of_the_collection(self, wheel):
        version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
        assert wheel.name == f"hal9_migrate-{version}-py3-none-any.whl"


class TestInstalled:
    def test_the_command_shows_its_help(self, place_with_wheel):
        done = place_with_wheel.run("hal9-migrate", "--help")
        assert done.returncode == 0, done.stderr
        assert "Usage: hal9-migrate" in done.stdout

    def test_ansible_doc_knows_every_module(self, place_with_wheel):
        done = place_with_wheel.run("ansible-doc", "--json", *modules())
        assert done.returncode == 0, done.stderr
        assert sorted(json.loads(done.stdout)) == modules()

    def test_ansible_doc_shows_traffic(self, place_with_wheel):
        done = place_with_wheel.run("ansible-doc", "hal9.migrate.traffic")
        assert done.returncode == 0, done.stderr
        assert "site-packages/ansible_collections/hal9/migrate" in done.stdout

    def test_ansible_playbook_finds_status_by_name(self, place_with_wheel):
        done = place_with_wheel.run(
            "ansible-playbook",
            *("hal9.migrate.status", "--syntax-check", "-i", "localhost,"),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "hal9/migrate/playbooks/status.yml" in done.stdout
