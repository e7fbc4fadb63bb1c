"""Rows of the fault list that are tests of PostgreSQL's switch and verification."""

from __future__ import annotations

from tests.integration.state.conftest import bed, linked, place, shop
from tests.integration.state.test_bulk import TestLostSnapshot, TestParallelCopy, big
from tests.integration.state.test_faults import TestFence, TestOneAtATime, TestUndone
from tests.integration.state.test_modules import TestModules
from tests.integration.state.test_supervised import TestSupervisedSwitch
from tests.integration.state.test_verify import TestUnsettled, TestVerification

__all__ = [
    "TestFence",
    "TestLostSnapshot",
    "TestModules",
    "TestOneAtATime",
    "TestParallelCopy",
    "TestSupervisedSwitch",
    "TestUndone",
    "TestUnsettled",
    "TestVerification",
    "bed",
    "big",
    "linked",
    "place",
    "shop",
]
