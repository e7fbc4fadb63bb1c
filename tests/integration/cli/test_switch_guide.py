"""The guide on switching the state and going back, typed on the lab while customers
read and write.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.chaos.shop_lab import GATES, ShopLab, shop_lab
from tests.lab import stack
from tests.lab.layout import APPLICATION

ROOT = Path(__file__).resolve().parents[3]
COMMAND = str(Path(sys.executable).with_name("hal9-migrate"))
GUIDE = (ROOT / "docs/guides/state.md").read_text(encoding="utf-8")
PART = GUIDE.partition("## Switching, and going back")[2].partition("\n## ")[0]
SHOWN = re.compile(r"^\$ hal9-migrate (.+)$", re.MULTILINE)

SIDES = ("legacy", "new")
ITEMS = ["sessions", "uploads", "orders"]
BACK = ITEMS[::-1]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass
class Operator:
    """Somebody with a shell in the lab, whose steps are short."""

    shop: ShopLab
    inventory: Path

    def types(self, line: str, *more: str) -> str:
        """Type a command of the guide, perhaps with more to it; return the screen."""
        done = subprocess.run(
            [COMMAND, "-i", str(self.inventory), *line.split(), *more],
            cwd=ROOT,
            env={
                **self.shop.lab.environment(),
                "ANSIBLE_HOME": str(ROOT / ".ansible"),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{line}: {done.stdout}"
        print(f"$ hal9-migrate {line}\n{done.stdout}")
        return done.stdout


@pytest.fixture
def operator() -> Iterator[Operator]:
    with shop_lab() as shop:
        inventory = shop.lab.home / "inventory"
        shutil.copytree(stack.INVENTORY, inventory)
        declared = inventory / "group_vars/all/migration.yml"
        here = declared.read_text().replace("{{ inventory_dir }}/../..", str(ROOT))
        content = yaml.safe_load(here)
        migration = content["hal9_migration"]
        del migration["shadow"]
        migration["phases"] = {
            "canary": {**GATES, "steps": ["50%"]},
            "state": GATES,
        }
        declared.write_text(yaml.safe_dump(content))
        yield Operator(shop, inventory)


def written(shop: ShopLab) -> list[str]:
    """Return the sides on which the shop may log in to the database."""
    query = f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{APPLICATION}'"
    databases = {side: shop.servers.databases[f"db_{side}"] for side in SIDES}
    return [side for side, server in databases.items() if server.sql(query)[0][0]]


def look(shop: ShopLab, side: str) -> None:
    """What customers saw, and that all they bought is there, once."""
    assert shop.totals().failed == 0, shop.failures()
    assert len(shop.totals().acknowledged) > 50
    assert written(shop) == [side]
    assert shop.not_once(side) == []
    assert shop.position().authority == side


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
