"""Rows of the fault list that are tests of trees of files."""

from __future__ import annotations

from tests.integration.state.test_files import TestRefused, linked, place

__all__ = ["TestRefused", "linked", "place"]
