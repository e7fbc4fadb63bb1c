"""The routers that tests share or own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    archive,
)
from tests.integration.router import bed as beds


@pytest.fixture(scope="session")
def shared_bed() -> Iterator[beds.Bed]:
    """Two routers that know all of each other."""
    with beds.bed() as made:
        beds.hear_each_other(made)
        yield made


@pytest.fixture
def bed(shared_bed: beds.Bed) -> beds.Bed:
    """The shared routers at share 0, with every service well."""
    shared_bed.reset()
    return shared_bed


@pytest.fixture
def own_bed() -> Iterator[beds.Bed]:
    """Two routers of the test's own, to be reloaded, restarted or lost."""
    with beds.bed() as made:
        beds.hear_each_other(made)
        made.reset()
        yield made


@pytest.fixture(scope="session")
def command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command for an emergency, as the role installs it."""
    path = tmp_path_factory.mktemp("sbin") / "hal9-break-glass"
    archive.install(str(path), archive.archive(sys.executable))
    return path
