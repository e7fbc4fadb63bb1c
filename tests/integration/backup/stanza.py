# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site's own pgBackRest: a cluster that archives into an encrypted stanza."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.integration.backup.bed import PASSWORD
from tests.lab.parts import PostgresCluster, free_port
from tests.lab.parts.places import database_user

PHRASE = "cipher-" + PASSWORD
HBA = """\
local all all trust
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""


@contextmanager
def swift_directory(prefix: str) -> Iterator[Path]:
    """A directory in memory where there is room for it: pgBackRest flushes every file,
    and a cluster has a thousand.
    """
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 3 << 30
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=memory if roomy else None))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class Stanza:
    """A cluster, the configuration of its stanza, and its repository."""

    def __init__(self, directory: Path, repository: Path | None = None) -> None:
        """Write the configuration; `start` makes cluster and stanza."""
        self.directory = directory
        self.repository = repository or directory / "repo"
        port = free_port()
        self.config = directory / "pgbackrest.conf"
        places = [directory / name for name in ("lock", "log", "spool", "sock")]
        for place in (*places, self.repository):
            place.mkdir()
            self._own(place)
        lines = [
            "[global]",
            f"repo1-path={self.repository}",
            "repo1-cipher-type=aes-256-cbc",
            f"repo1-cipher-pass={PHRASE}",
            f"lock-path={directory}/lock",
            f"log-path={directory}/log",
            f"spool-path={directory}/spool",
            "start-fast=y",
            "repo1-bundle=y",
            "compress-level=1",
            "archive-timeout=20",
            "[main]",
            f"pg1-path={directory}/pg/data",
            f"pg1-port={port}",
            f"pg1-socket-path={directory}/sock",
            "pg1-user=postgres",
        ]
        self.config.write_text("\n".join([*lines, ""]))
        self.config.chmod(0o600)
        self._own(self.config)
        push = f"pgbackrest --config={self.config} --stanza=main archive-push %p"
        self.cluster = PostgresCluster(
            directory / "pg",
            port,
            superuser_password=PASSWORD,
            settings={
                "unix_socket_directories": str(directory / "sock"),
                "archive_mode": "on",
                "archive_command": push,
                "fsync": "off",
            },
        )

    def _own(self, path: Path) -> None:
        user = database_user()
        if user:
            found = pwd.getpwnam(user)
            os.chown(path, found.pw_uid, found.pw_gid)

    def start(self) -> None:
        """Start the cluster, let pgBackRest in, and make the stanza."""
        self.cluster.start()
        (self.cluster.data / "pg_hba.conf").write_text(HBA)
        self.cluster.sql("SELECT pg_reload_conf()")
        self.run("stanza-create")

    def run(self, *words: str) -> str:
        """Run pgBackRest as the site does."""
        user = database_user()
        account = pwd.getpwnam(user) if user else None
        return subprocess.run(
            ["pgbackrest", f"--config={self.config}", "--stanza=main", *words],
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
        ).stdout

    def labels(self) -> list[str]:
        """What is in the repository, oldest first."""
        (found,) = json.loads(self.run("info", "--output=json"))
        return [each["label"] for each in found["backup"]]

    def declared(self) -> dict[str, Any]:
        """What a declaration says of it."""
        return {"stanza": "main", "config": str(self.config)}
