"""At the end of `make chaos` the list of faults is printed, with what was tried."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.chaos.fault_list import LINES, means

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter


class Tally:
    """Counts what each test that passed has injected: one, or what it says by ``n``."""

    def __init__(self) -> None:
        """Nothing has been tried."""
        self.tried: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test that passed."""
        if report.when == "call" and report.passed and "tests/chaos/" in report.nodeid:
            said = dict(report.user_properties).get("n", 1)
            self.tried[report.nodeid] += int(str(said))

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print the list, unless some of the tests alone were asked for."""
        option = terminalreporter.config.option
        is_whole = option.markexpr in ("", "chaos") and not option.keyword
        if not is_whole or not self.tried:
            return
        terminalreporter.section("faults that moving state survives")
        for line in LINES:
            number = sum(
                count
                for nodeid, count in self.tried.items()
                if means(line.tried, nodeid)
            )
            terminalreporter.write_line(line.shown(number))


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.pluginmanager.register(Tally(), "hal9-fault-list")
