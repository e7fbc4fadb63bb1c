"""Rows of the fault list that are tests of MariaDB."""

from __future__ import annotations

from tests.integration.state.conftest import place
from tests.integration.state.test_mariadb import (
    TestBrokenLink,
    TestFailedSwitch,
    TestFence,
    linked,
    piece,
    servers,
)

__all__ = [
    "TestBrokenLink",
    "TestFailedSwitch",
    "TestFence",
    "linked",
    "piece",
    "place",
    "servers",
]
