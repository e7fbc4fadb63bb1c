"""Rows of the fault list that the contract of the engines tries on all four."""

from __future__ import annotations

from tests.integration.state.conftest import place
from tests.integration.state.test_contract import (
    TestKilled,
    TestVerify,
    linked,
    piece,
    servers,
)

__all__ = ["TestKilled", "TestVerify", "linked", "piece", "place", "servers"]
