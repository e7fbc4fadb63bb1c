"""The shop's first rows, written through the address in SHOP_DSN:
`python -m tests.molecule.rows`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from tests.lab.parts import PostgresCluster
from tests.lab.seed import fill


@dataclass
class Elsewhere(PostgresCluster):
    """A database server on another host, reached by one address."""

    address: str

    def dsn(self, *_unused: object, **__: object) -> str:
        """How to reach the shop's database."""
        return self.address


if __name__ == "__main__":
    fill(Elsewhere(os.environ["SHOP_DSN"]), seed=7)
