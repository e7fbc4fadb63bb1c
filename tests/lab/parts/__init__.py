"""Real servers on loopback that the lab and the integration tests start and end."""

from __future__ import annotations

from tests.lab.parts.haproxy import Haproxy, ReloadFailed
from tests.lab.parts.mariadb import MariaServer
from tests.lab.parts.pgbouncer import PgBouncerServer
from tests.lab.parts.places import free_port, free_ports, scratch_directory
from tests.lab.parts.postgres import PostgresCluster
from tests.lab.parts.redis import RedisServer
from tests.lab.parts.server import Server, StartFailed, end_recorded
from tests.lab.parts.waiting import TookTooLong, wait_until

__all__ = [
    "Haproxy",
    "MariaServer",
    "PgBouncerServer",
    "PostgresCluster",
    "RedisServer",
    "ReloadFailed",
    "Server",
    "StartFailed",
    "TookTooLong",
    "end_recorded",
    "free_port",
    "free_ports",
    "scratch_directory",
    "wait_until",
]
