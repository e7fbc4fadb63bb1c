# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database in a cluster that pgBackRest backs up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.integration.backup.stanza import Stanza
from tests.integration.backup.test_postgresql import Orders


class RestOrders(Orders):
    """A database of its own in the cluster that has a stanza."""

    def __init__(self, stanza: Stanza) -> None:
        super().__init__(stanza.cluster)
        self.stanza = stanza

    def declared(self) -> dict[str, Any]:
        return {**super().declared(), "pgbackrest": self.stanza.declared()}

    def drop(self) -> None:
        """Be gone: each database more is more to copy for all that follow."""
        self.cluster.sql(f"DROP DATABASE {self.name} WITH (FORCE)")

    @contextmanager
    def breaks(self) -> Iterator[None]:
        """A file of the cluster cannot be read: pgBackRest fails half way."""
        self.add()
        self.sql("CHECKPOINT")
        (found,) = self.sql("SELECT pg_relation_filepath('orders')")
        path = self.cluster.data / found[0]
        hidden = path.with_name("hidden")
        path.rename(hidden)
        path.symlink_to("/nowhere")
        try:
            yield
        finally:
            path.unlink()
            hidden.rename(path)
