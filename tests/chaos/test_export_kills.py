"""Every step of an export at which it can be killed, and chunks of an import drawn by
seeds; integration tests run a sample.
"""

from __future__ import annotations

from tests.integration.state_export.conftest import bed, shelf
from tests.integration.state_export.test_kills import (
    TestKilledExport,
    TestKilledImport,
)

__all__ = ["TestKilledExport", "TestKilledImport", "bed", "shelf"]
