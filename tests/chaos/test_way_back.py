"""The way back from every point of every engine; integration tests run a sample."""

from __future__ import annotations

from tests.integration.state.test_way_back import TestWayBack, place, sites

__all__ = ["TestWayBack", "place", "sites"]
