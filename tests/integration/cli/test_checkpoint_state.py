"""Returning to a checkpoint that was kept before the state moved, on the whole lab."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.chaos.shop_lab import ShopLab
from tests.integration.cli.lab_operator import (
    ITEMS,
    Operator,
    lab_operator,
    look,
    written,
)
from tests.lab.layout import DATABASE
from tests.lab.parts import wait_until

LINK_BACK = "hal9_shop_orders_to_legacy"
LOST = 7
OURS = "00000000-0000-0000-0000-"
ORDER = f"""
INSERT INTO orders (key, customer, product, quantity, cents)
  SELECT ('{OURS}' || lpad(i::text, 12, '0'))::uuid, c.uid, p.id, 1, 100
    FROM generate_series(1, {LOST}) i,
         (SELECT uid FROM customers LIMIT 1) c, (SELECT id FROM products LIMIT 1) p
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def operator() -> Iterator[Operator]:
    with lab_operator() as made:
        yield made


def test_a_return_brings_every_item_back_and_loses_nothing(operator: Operator) -> None:
    shop = operator.shop
    with shop.customers():
        operator.types("migrate --phase canary", "--yes")
        operator.types("state checkpoint before-state")
        operator.types("migrate --phase state", "--yes")
        said = operator.types("state restore before-state --dry-run")
        assert going_back(said) == ITEMS
        assert "no acknowledged write would be lost." in said
        assert written(shop) == ["new"]
    look(shop, "new")
    with link_back_broken(shop):
        shop.servers.databases["db_new"].sql(ORDER, DATABASE)
        said = operator.types("state restore before-state --dry-run")
        assert going_back(said) == ITEMS
        assert "orders: the link back to legacy is not active" in said
        assert f"  {LOST} acknowledged writes would be lost." in said
        said = operator.types("state restore before-state --yes", ends=3)
        assert f"Refused to return to before-state: {LOST} acknowledged" in said
        assert written(shop) == ["new"]
        assert shop.position().on_new == tuple(ITEMS)
    with shop.customers():
        said = operator.types("state restore before-state --yes")
        assert going_back(said) == ITEMS
        assert "Returned to before-state." in said
    look(shop, "legacy")
    assert shop.position().on_new == ()
    assert kept(shop, "legacy") == LOST
    said = operator.types("state restore before-state --dry-run")
    assert "All is as at before-state already." in said


def going_back(said: str) -> list[str]:
    """Return the items of which the plan says that they go back."""
    return re.findall(r"^  (\w+): new -> legacy$", said, re.MULTILINE)


def kept(shop: ShopLab, side: str) -> int:
    """Return how many of our own orders a side has."""
    query = f"SELECT count(*) FROM orders WHERE starts_with(key::text, '{OURS}')"
    return int(shop.servers.databases[f"db_{side}"].sql(query, DATABASE)[0][0])


@contextmanager
def link_back_broken(shop: ShopLab) -> Iterator[None]:
    """Let legacy not follow the orders of new meanwhile."""
    legacy, new = (shop.servers.databases[f"db_{side}"] for side in ("legacy", "new"))
    active = f"SELECT active FROM pg_replication_slots WHERE slot_name = '{LINK_BACK}'"
    legacy.sql(f"ALTER SUBSCRIPTION {LINK_BACK} DISABLE", DATABASE)
    wait_until(lambda: new.sql(active, DATABASE) == [(False,)], 30, "no link back")
    yield
    legacy.sql(f"ALTER SUBSCRIPTION {LINK_BACK} ENABLE", DATABASE)
    wait_until(lambda: kept(shop, "legacy") == LOST, 60, "legacy follows")
