"""Disks that are small, and disks that do not keep what they are given."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.integration.backup.bed import small_disk
from tests.lab.parts import PostgresCluster, wait_until
from tests.lab.parts.places import own_directory

ENDED = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = '{}' AND pid <> pg_backend_pid()"
)


@contextmanager
def small_tablespace(cluster: PostgresCluster, name: str, size: str) -> Iterator[Path]:
    """Keep a database on a disk of this size; the server's log has room elsewhere, as
    at a site that keeps it on a disk of its own.
    """
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    with small_disk(cluster.directory.with_name(f"small-{name}"), size) as disk:
        disk.chmod(0o755)
        own_directory(disk / "space", cluster.user)
        cluster.sql(f"CREATE TABLESPACE small_{name} LOCATION '{disk / 'space'}'")
        try:
            cluster.sql(f"ALTER DATABASE {name} SET TABLESPACE small_{name}")
            yield disk
        finally:
            (disk / "filler").unlink(missing_ok=True)
            _moved_back(cluster, name)


def _moved_back(cluster: PostgresCluster, name: str) -> None:
    """Nobody may be in a database that is moved; links would come again at once."""
    cluster.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    cluster.sql(ENDED.format(name))
    others = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    wait_until(lambda: cluster.sql(others) == [(0,)], 20, "the sessions' end")
    cluster.sql(f"ALTER DATABASE {name} SET TABLESPACE pg_default")
    cluster.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    cluster.sql("CHECKPOINT")
    cluster.sql(f"DROP TABLESPACE small_{name}")


def syncs_of(work: Callable[[], Any]) -> int:
    """How often work has something put on disk."""
    real, count = os.fsync, itertools.count()

    def counted(descriptor: int) -> None:
        next(count)
        real(descriptor)

    with patch.object(os, "fsync", counted):
        work()
    return next(count)


@contextmanager
def failing_sync(step: int) -> Iterator[None]:
    """Let the n-th fsync of this process fail, as the kernel tells it of a disk that
    has lost a write. What other programs put on disk does not pass here.
    """
    real, count = os.fsync, itertools.count(1)

    def failing(descriptor: int) -> None:
        if next(count) == step:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    with patch.object(os, "fsync", failing):
        yield
    assert next(count) > step, "it never came to that"
