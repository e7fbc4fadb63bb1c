"""Somebody with a shell in the lab: types commands while customers read and write."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.chaos.shop_lab import GATES, ShopLab, shop_lab
from tests.lab import stack
from tests.lab.layout import APPLICATION

ROOT = Path(__file__).resolve().parents[3]
COMMAND = str(Path(sys.executable).with_name("hal9-migrate"))

SIDES = ("legacy", "new")
ITEMS = ["sessions", "uploads", "orders"]
BACK = ITEMS[::-1]


@dataclass
class Operator:
    """Somebody with a shell in the lab, whose steps are short."""

    shop: ShopLab
    inventory: Path

    def types(self, line: str, *more: str, ends: int = 0) -> str:
        """Type a command, perhaps with more to it; return the screen."""
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
        assert done.returncode == ends, f"{line}: {done.stdout}"
        print(f"$ hal9-migrate {line}\n{done.stdout}")
        return done.stdout


@contextmanager
def lab_operator() -> Iterator[Operator]:
    """Bring the lab up with an inventory of its own, whose phases are short."""
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
