# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time links or switches an item: a lock of new, held by a connection."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.site import (
    MariaSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)


def take(site: MariaSite, new: Session, seconds: float) -> None:
    """Hold the claim as long as this connection to new lives; wait so long for it."""
    ours = "SELECT IS_USED_LOCK(%s) = CONNECTION_ID()"
    if new.value(ours, site.name):
        return
    if new.value("SELECT GET_LOCK(%s, %s)", site.name, seconds) != 1:
        raise StateConflict(
            f"Another run links or switches {site.item} now (it holds the lock "
            f"{site.name} on new). Nothing was changed; wait until it has ended, then "
            "run again."
        )
