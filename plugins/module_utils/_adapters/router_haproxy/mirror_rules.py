# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that copy requests to the comparator, and never slow or fail a user's."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    names,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Migration,
    ShadowSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import WHOLE

_WITHOUT_BODY = (
    "!{ req.hdr(content-length) -m int gt 0 }"
    " !{ req.hdr(transfer-encoding) -m found } !{ req.hdr(upgrade) -m found }"
)


def mirror_rules(
    migration: Migration,
    shadow: ShadowSpec,
    action: str,
    router: str,
    map_path: str,
    mirror_path: str,
) -> Iterator[str]:
    """Yield the mirror: for one epoch, while the lease lasts, at the rate of its map.

    Off, it costs a request one look into a map.
    """
    methods = " ".join(migration.safe_methods)
    host, _unused, port = shadow.comparator.rpartition(":")
    lease = (
        f"str({names.lease_key(migration.name)})"
        f",table_gpt0({names.CONTROL}),sub(txn.now)"
    )
    yield f"http-request set-var(txn.mirror) str(rate),map_str_int({mirror_path},0)"
    yield (
        "http-request set-var(txn.mirror_epoch)"
        f" str(epoch),map_str_int({mirror_path},0) if {{ var(txn.mirror) -m int gt 0 }}"
    )
    yield (
        f"http-request lua.{action} {migration.name} {router} {host.strip('[]')} {port}"
        f" {shadow.max_per_second:g} {shadow.max_in_flight}"
        f" if {{ rand({WHOLE}),sub(txn.mirror) lt 0 }} {{ method {methods} }}"
        f" {{ str(epoch),map_str_int({map_path},0),sub(txn.mirror_epoch) eq 0 }}"
        f" {{ {lease} gt 0 }} {_WITHOUT_BODY}"
    )
