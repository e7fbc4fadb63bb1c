"""The whole matrix of kills inside the switch; integration tests run a sample."""

from __future__ import annotations

from tests.integration.state.conftest import bed, place
from tests.integration.state.test_kills import TestKilledSwitch, served

__all__ = ["TestKilledSwitch", "bed", "place", "served"]
