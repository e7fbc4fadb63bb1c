"""The guide on switching the state and going back, typed on the lab while customers
read and write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.integration.cli.lab_operator import (
    BACK,
    ITEMS,
    ROOT,
    Operator,
    lab_operator,
    look,
    written,
)

GUIDE = (ROOT / "docs/guides/state.md").read_text(encoding="utf-8")
PART = GUIDE.partition("## Switching, and going back")[2].partition("\n## ")[0]
SHOWN = re.compile(r"^\$ hal9-migrate (.+)$", re.MULTILINE)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def operator() -> Iterator[Operator]:
    with lab_operator() as made:
        yield made


def test_each_answer_is_true(operator: Operator) -> None:
    shop = operator.shop
    forth, status, verify, dry, back, again = SHOWN.findall(PART)
    with shop.customers():
        operator.types("migrate --phase canary", "--yes")
        said = operator.types(forth, "--yes")
        assert told(said, "new is written now; writes paused") == ITEMS
        assert recorded(said, "new") == ITEMS
        assert "new is written for sessions, uploads, orders" in operator.types(status)
        assert compared(operator.types(verify)) == ITEMS
    look(shop, "new")
    with shop.customers():
        said = operator.types(dry)
        assert told(said, "legacy would be written.") == BACK
        assert "Would be rolled back to canary 50%" in said
        assert written(shop) == ["new"]
        said = operator.types(back, "--yes")
        assert told(said, "legacy is written now; writes paused") == BACK
        assert recorded(said, "legacy") == BACK
        assert compared(operator.types(again)) == ITEMS
    look(shop, "legacy")


def told(said: str, words: str) -> list[str]:
    """Return the items of which this is said, in their order."""
    return re.findall(rf"^  (\w+): {re.escape(words)}", said, re.MULTILINE)


def recorded(said: str, side: str) -> list[str]:
    """Return the items that the journal has on a side now, in their order."""
    return re.findall(rf"^Recorded: (\w+) on {side}\.$", said, re.MULTILINE)


def compared(said: str) -> list[str]:
    """Return the items whose rows were found equal."""
    return re.findall(r"^  (\w+): [\d,]+ rows compared, equal", said, re.MULTILINE)
