"""Rows of the fault list that are tests of Redis."""

from __future__ import annotations

from tests.integration.state.test_redis import (
    TestSourceThatDies,
    TestUndone,
    linked,
    place,
)

__all__ = ["TestSourceThatDies", "TestUndone", "linked", "place"]
