"""Where the lab keeps things, on which ports it listens, and its passwords."""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from tests.lab.parts.haproxy import LONGEST_SOCKET
from tests.lab.parts.places import LOOPBACK, database_user, listens, write_private

ROOT = Path(__file__).resolve().parents[2]
RECORDS = ROOT / ".lab"
BASE_PORT = 18000
DATABASE = "shop"
APPLICATION = "shop"

PORTS: Mapping[str, int] = {
    "router1": 81,
    "router2": 82,
    "metrics1": 85,
    "metrics2": 86,
    "peer1": 91,
    "peer2": 92,
    "legacy1": 101,
    "legacy2": 102,
    "new1": 201,
    "new2": 202,
    "new3": 203,
    "comparator": 301,
    "db_legacy": 432,
    "db_new": 433,
    "pgb_legacy": 532,
    "pgb_new": 533,
    "redis_legacy": 632,
    "redis_new": 633,
}
"""Added to the base; inventories/lab knows the same numbers."""

PASSWORDS = ("superuser", "application", "console", "sessions")


@dataclass(frozen=True)
class Lab:
    """One lab: `records` is what a person reads, `home` what the servers run in."""

    records: Path
    home: Path
    base_port: int

    @classmethod
    def at(cls, base_port: int = BASE_PORT, records: Path = RECORDS) -> Lab:
        """The lab of this checkout, or another one."""
        records = records.absolute()
        return cls(records, _home(records), base_port)

    def port(self, name: str) -> int:
        """The port of one part."""
        return self.base_port + PORTS[name]

    def busy_ports(self) -> list[str]:
        """Parts whose port somebody listens on."""
        return [f"{each} ({self.port(each)})" for each in PORTS if self._busy(each)]

    def _busy(self, name: str) -> bool:
        return listens(self.port(name))

    @property
    def environment_file(self) -> Path:
        """What the commands need in their environment, passwords too (0600)."""
        return self.records / "env"

    @property
    def faults(self) -> Path:
        """What is written here the new shop suffers."""
        return self.records / "fault"

    @property
    def requests(self) -> Path:
        """Every request that the load client made."""
        return self.records / "requests.csv"

    @property
    def summary(self) -> Path:
        """What a demo came to."""
        return self.records / "summary.json"

    def make_secrets(self) -> None:
        """Write the environment file once; later runs use the same passwords."""
        if self.environment_file.exists():
            return
        self.records.mkdir(parents=True, exist_ok=True)
        passwords = {name: secrets.token_urlsafe(18) for name in PASSWORDS}
        values = {**self._dsns(passwords), **self._places()}
        values |= {f"LAB_{name.upper()}": word for name, word in passwords.items()}
        lines = [f"export {name}='{value}'" for name, value in values.items()]
        write_private(self.environment_file, "\n".join(lines) + "\n", None)

    def secrets(self) -> dict[str, str]:
        """What `make_secrets` wrote."""
        pairs = (
            line.removeprefix("export ").partition("=")
            for line in self.environment_file.read_text().splitlines()
        )
        return {name: value.strip("'") for name, _unused, value in pairs}

    def environment(self) -> dict[str, str]:
        """The environment of a command in the lab."""
        return {**os.environ, **self.secrets()}

    def _places(self) -> dict[str, str]:
        return {"HAL9_LAB_HOME": str(self.home), "HAL9_LAB_PORT": str(self.base_port)}

    def _dsns(self, passwords: Mapping[str, str]) -> dict[str, str]:
        return {
            "SHOP_LEGACY_DSN": self._superuser("db_legacy", passwords),
            "SHOP_NEW_DSN": self._superuser("db_new", passwords),
            "SHOP_LEGACY_CONSOLE": self._console("pgb_legacy", passwords),
            "SHOP_NEW_CONSOLE": self._console("pgb_new", passwords),
            "SHOP_LEGACY_SESSIONS": self._redis("redis_legacy", passwords),
            "SHOP_NEW_SESSIONS": self._redis("redis_new", passwords),
        }

    def _superuser(self, part: str, passwords: Mapping[str, str]) -> str:
        word = passwords["superuser"]
        return self._dsn(part, DATABASE, "postgres", word)

    def _console(self, part: str, passwords: Mapping[str, str]) -> str:
        return self._dsn(part, "pgbouncer", "pgbouncer_admin", passwords["console"])

    def _redis(self, part: str, passwords: Mapping[str, str]) -> str:
        return f"redis://:{passwords['sessions']}@{LOOPBACK}:{self.port(part)}"

    def uploads(self, side: str) -> Path:
        """The tree of files of a side."""
        return self.home / f"uploads_{side}"

    @property
    def uploads_link(self) -> Path:
        """By what the shops reach the tree."""
        return self.home / "uploads"

    def application_dsn(self, part: str) -> str:
        """How a shop reaches its PgBouncer."""
        password = self.secrets()["LAB_APPLICATION"]
        return self._dsn(part, DATABASE, APPLICATION, password)

    def _dsn(self, part: str, database: str, user: str, password: str) -> str:
        return make_conninfo(
            host=LOOPBACK,
            port=self.port(part),
            dbname=database,
            user=user,
            password=password,
        )


def _home(records: Path) -> Path:
    """The records' directory, or one that user postgres can enter and sockets
    fit in.
    """
    if len(str(records)) + 30 <= LONGEST_SOCKET and _is_open(records.parent):
        return records
    name = hashlib.sha256(str(records).encode()).hexdigest()[:8]
    return Path("/var/tmp", f"hal9-lab-{name}")


def _is_open(directory: Path) -> bool:
    if database_user() is None:
        return True
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        return False
    return all(each.stat().st_mode & 0o001 for each in [directory, *directory.parents])
