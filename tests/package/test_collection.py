# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection alone, beside an ansible-core that has nothing else, works by name."""

from __future__ import annotations

import tarfile

SHIPPED = {
    "CHANGELOG.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "changelogs",
    "docs",
    "extensions",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "roles",
    "runbooks",
}


class TestArchive:
    def test_carries_what_is_shipped_and_nothing_else(self, archive):
        with tarfile.open(archive) as opened:
            names = opened.getnames()
        assert {name.removeprefix("./").partition("/")[0] for name in names} <= SHIPPED
        assert [name for name in names if name.endswith(".pyc")] == []


class TestInstalled:
    def test_ansible_doc_shows_traffic(self, place_with_collection):
        done = place_with_collection.run("ansible-doc", "hal9.migrate.traffic")
        assert done.returncode == 0, done.stderr
        assert ".ansible/collections/ansible_collections/hal9" in done.stdout

    def test_ansible_playbook_finds_status_by_name(self, place_with_collection):
        done = place_with_collection.run(
            "ansible-playbook",
            *("hal9.migrate.status", "--syntax-check", "-i", "localhost,"),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "hal9/migrate/playbooks/status.yml" in done.stdout

    def test_every_playbook_can_be_read(self, place_with_collection):
        installed = place_with_collection.folder.joinpath(
            "home/.ansible/collections/ansible_collections/hal9/migrate/playbooks"
        )
        names = sorted(file.stem for file in installed.glob("*.yml"))
        assert "migrate" in names
        for name in names:
            done = place_with_collection.run(
                "ansible-playbook",
                *(f"hal9.migrate.{name}", "--syntax-check", "-i", "localhost,"),
            )
            assert done.returncode == 0, done.stdout + done.stderr
