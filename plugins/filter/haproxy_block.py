# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the block that the router role puts into haproxy.cfg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.config import (
    Mirror,
    Peer,
    RouterPlan,
    block,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse


def haproxy_block(
    migrations: Sequence[Mapping[str, Any]],
    router: Mapping[str, Any],
    routers: Sequence[Mapping[str, Any]],
    mirror: Mapping[str, Any] | None = None,
    finalised: Sequence[str] = (),
) -> str:
    """Return the text for one router; ``routers`` are the variables of all of them.

    Users of the migrations named in ``finalised`` go to new like to any backend.
    """
    try:
        plan = RouterPlan(
            name=str(router["name"]),
            directory=str(router["directory"]),
            peers=tuple(Peer(str(one["name"]), str(one["peer"])) for one in routers),
            metrics_bind=str(router.get("metrics_bind") or ""),
            mirror=Mirror(str(mirror["lua"]), str(mirror["action"]))
            if mirror
            else None,
            sets_localpeer=bool(router.get("sets_localpeer", True)),
            finalised=frozenset(finalised),
        )
        return block(plan, [parse(migration) for migration in migrations])
    except KeyError as error:
        raise AnsibleFilterError(
            f"hal9_router lacks {error}: every host of the routers' group needs "
            "hal9_router with name, peer, config and master_socket."
        ) from error
    except MigrateError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Any]:
        """Return the filters by name."""
        return {"haproxy_block": haproxy_block}
