"""Rows of the fault list that are tests of exports and imports."""

from __future__ import annotations

from tests.integration.state_export.conftest import bed, shelf
from tests.integration.state_export.test_faults import (
    TestFullDisk,
    TestNeighbours,
    TestServer,
    TestSnapshot,
)
from tests.integration.state_export.test_hostile import TestHarm, TestStrangers
from tests.integration.state_export.test_hostile import (
    TestVerification as TestVerifiedExport,
)
from tests.integration.state_export.test_modules import (
    TestModules as TestTransferModules,
)

__all__ = [
    "TestFullDisk",
    "TestHarm",
    "TestNeighbours",
    "TestServer",
    "TestSnapshot",
    "TestStrangers",
    "TestTransferModules",
    "TestVerifiedExport",
    "bed",
    "shelf",
]
