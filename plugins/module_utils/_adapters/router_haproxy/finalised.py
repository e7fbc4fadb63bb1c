# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a router shows of a migration that is over."""

from __future__ import annotations

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.servers import (
    Servers,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    RouterReading,
    TrafficSetting,
)


def finalised(
    router: str, clock: float, setting: TrafficSetting, servers: Servers
) -> RouterReading:
    """Return what is left of it: an ordinary backend with the servers of new."""
    return RouterReading(
        router=router,
        clock=clock,
        setting=setting,
        workers=(),
        lease_until=0,
        trip=None,
        new_servers_up=servers.up("new"),
        legacy_servers_up=0,
        sessions_on_new=servers.sessions("new"),
        failed_checks=servers.failed_checks("new"),
        finalised=True,
    )
