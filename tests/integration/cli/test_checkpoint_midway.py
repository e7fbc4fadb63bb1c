# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkpoint that was kept in the middle of the state phase, on the whole lab: it is
refused once the rest has moved, and what the refusal says to do instead works.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.cli.lab_operator import (
    COMMAND,
    ITEMS,
    ROOT,
    Operator,
    lab_operator,
    look,
    written,
)
from tests.lab.parts import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(1500)]


@pytest.fixture
def operator() -> Iterator[Operator]:
    with lab_operator() as made:
        yield made


def test_it_is_refused_and_the_advised_way_back_works(operator: Operator) -> None:
    shop = operator.shop
    with shop.customers():
        operator.types("migrate --phase canary", "--yes")
        broken_off(operator)
        first = shop.position().on_new
        assert 0 < len(first) < len(ITEMS)
        operator.types("state checkpoint midway")
        here = operator.types("state restore midway --dry-run")
        assert "All is as at midway already." in here
        operator.types("migrate --phase state", "--yes")
        assert shop.position().on_new == tuple(ITEMS)
        for more in ((), ("--force",)):
            said = operator.types("state restore midway --yes", *more, ends=3)
            assert f"{', '.join(first)} {were(first)} on new then, too" in flat(said)
        assert written(shop) == ["new"]
        operator.types(advised(said), "--yes")
    look(shop, "legacy")
    assert shop.position().on_new == ()
    said = operator.types("state restore midway --dry-run", ends=3)
    assert "it lies ahead" in said
    assert advised(said) == "migrate"


def broken_off(operator: Operator) -> None:
    """Move the state, and press Ctrl-C when the first item is on new."""
    shop = operator.shop
    running = subprocess.Popen(
        [COMMAND, "-i", str(operator.inventory), "migrate", "--phase=state", "--yes"],
        cwd=ROOT,
        env={**shop.lab.environment(), "ANSIBLE_HOME": str(ROOT / ".ansible")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(
            lambda: bool(shop.position().on_new) or running.poll() is not None,
            240,
            "the first item is on new",
            0.05,
        )
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(120) != 0
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait(30)


def advised(said: str) -> str:
    """Return the last command of ours that a refusal names, without its name."""
    found = re.findall(r"`hal9-migrate ([^`]+)`", flat(said))
    assert found, said
    return str(found[0])


def flat(said: str) -> str:
    return " ".join(said.split())


def were(names: tuple[str, ...]) -> str:
    return "was" if len(names) == 1 else "were"
