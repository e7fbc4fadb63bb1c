# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the accounts of two MariaDB servers let the fence hold."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.hal9.migrate.plugins.module_utils._core.state_mariadb_facts import (
    MariaSiteFacts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    ReadinessItem,
    item,
)


def account_items(facts: MariaSiteFacts) -> Iterator[ReadinessItem]:
    """Yield who may write, and whether the fence stops all of them."""
    declared = facts.application_accounts
    for server in (facts.legacy, facts.new):
        missing = tuple(a for a in declared if a not in server.accounts)
        yield item(
            f"{server.side}.application_accounts",
            f"missing: {', '.join(missing)}" if missing else declared,
            "every declared account is there",
            "Make it on new with the same password and rights (SHOW CREATE USER, SHOW "
            "GRANTS), or correct the declaration.",
            holds=not missing,
        )
        above = tuple(a for a in declared if a in server.unstoppable)
        yield item(
            f"{server.side}.application_privileges",
            above,
            "no application account has SUPER or READ_ONLY ADMIN: it would write "
            "through read_only",
            "REVOKE SUPER, READ_ONLY ADMIN ON *.* FROM it.",
            holds=not above,
        )
        others = tuple(a for a in server.unstoppable if a not in declared)
        yield item(
            f"{server.side}.unstoppable_accounts",
            others,
            "nobody but us writes through read_only",
            "Keep these accounts still during the switch, and off the side that "
            "follows; or revoke SUPER and READ_ONLY ADMIN.",
            "warning",
            holds=not others,
        )
        ours = server.user.partition("@")[0]
        yield item(
            f"{server.side}.our_account",
            server.user,
            "another user than the application's: the fence would shut us out",
            f"Give another user's address for {server.side}.",
            holds=ours not in {a.partition("@")[0] for a in declared},
        )
    yield from _unequal(facts)


def _unequal(facts: MariaSiteFacts) -> Iterator[ReadinessItem]:
    legacy, new = facts.legacy.accounts, facts.new.accounts
    unequal = tuple(
        account
        for account in facts.application_accounts
        if account in legacy and account in new and legacy[account] != new[account]
    )
    yield item(
        "account_rights",
        unequal,
        "the application's accounts have the same password and rights on both sides",
        "Copy them: SHOW CREATE USER and SHOW GRANTS on legacy, run on new.",
        holds=not unequal,
    )
