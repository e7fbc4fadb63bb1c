# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every refusal of a PostgreSQL, on servers that are so, and no more once mended.

The states stand side by side, so one look sees all of them and one more sees them
mended. Servers of other versions are not to be had here: those items (`version` of
PostgreSQL and PgBouncer) are judged in the unit tests alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from tests.integration.precheck.bed import Bed, Look, running_site
from tests.integration.precheck.unfit import PASSWORD, Unfit

COMPONENTS = (
    '{"hal9_precheck_components": ["declaration", "service", "database", '
    '"replication"]}'
)


class Looks(NamedTuple):
    """What was found before and after the remedies."""

    red: Look
    green: Look


@pytest.fixture(scope="module")
def looks() -> Iterator[Looks]:
    """Look at the unfit servers, do what the remedies say, and look again."""
    with ExitStack() as left:
        bed = left.enter_context(running_site())
        unfit = Unfit(bed.directory)
        unfit.start(left)
        bed.groups = {"databases": {"hosts": {"db1": {}}}}
        _declare(bed, unfit)
        with unfit.strangers():
            red = _look(bed)
        unfit.mend()
        _declare(bed, unfit)
        yield Looks(red, _look(bed))


def _declare(bed: Bed, unfit: Unfit) -> None:
    mended = unfit.is_mended
    bed.declaration["state"] = unfit.items()
    writers = [{"name": "shop service", "through": "pools"}]
    bed.declaration["writers"] = writers if mended else []
    serves = ["1"] if mended else ["2"]
    bed.declaration["sides"]["new"]["schema_versions"] = serves
    bed.environment = unfit.environment()


def _look(bed: Bed) -> Look:
    found = bed.look("--limit", "db1,localhost", "-e", COMPONENTS)
    assert PASSWORD not in found.ended.stdout + found.ended.stderr + str(found.document)
    return found


class Refusal(NamedTuple):
    """An item, what its observation names, and what its remedy names."""

    item: str
    observed: str
    remedy: str


ORDERS, NOTES = "replication.orders", "replication.notes"
REFUSED = [
    Refusal(f"{ORDERS}.legacy.wal_level", "replica", "wal_level = 'logical' on legacy"),
    Refusal(f"{ORDERS}.new.wal_level", "replica", "wal_level = 'logical' on new"),
    Refusal(f"{ORDERS}.new.superuser", "not superuser", "superuser's DSN for new"),
    Refusal(f"{ORDERS}.legacy.free_slots", "2", "max_replication_slots on legacy"),
    Refusal(f"{ORDERS}.legacy.free_senders", "2", "max_wal_senders on legacy"),
    Refusal(
        f"{ORDERS}.legacy.free_workers", "2", "max_logical_replication_workers on leg"
    ),
    Refusal(f"{ORDERS}.legacy.statement_timeout", "5min", "SET statement_timeout = 0"),
    Refusal(
        f"{ORDERS}.legacy.idle_in_transaction_session_timeout",
        "600000 ms",
        "SET idle_in_transaction_session_timeout = 0",
    ),
    Refusal(f"{ORDERS}.encoding", "legacy UTF8, new LATIN1", "legacy's encoding"),
    Refusal(f"{ORDERS}.collation", "new C/C", "legacy's collation"),
    Refusal(f"{ORDERS}.extensions", "pg_prewarm", "CREATE EXTENSION pg_prewarm on new"),
    Refusal(f"{ORDERS}.replica_identity", "public.bare", "REPLICA IDENTITY"),
    Refusal(f"{ORDERS}.unlogged_tables", "public.scratch", "SET LOGGED"),
    Refusal(f"{ORDERS}.large_objects", "1", "Move large objects"),
    Refusal(
        f"{ORDERS}.prepared_transactions", "held-by-nobody", "ROLLBACK PREPARED each"
    ),
    Refusal(f"{ORDERS}.new.roles", "nightly", "pg_dumpall --roles-only"),
    Refusal(f"{ORDERS}.new.dsn_user", "application role", "another user's DSN for new"),
    Refusal(f"{NOTES}.databases_differ", "same cluster", "cluster of its own"),
    Refusal(f"{NOTES}.tables", "0", "Correct the declared schemas"),
    Refusal(f"{ORDERS}.pgbouncer.pools.pool_mode", "session", "pools/pgbouncer.ini"),
    Refusal(f"{ORDERS}.pgbouncer.elsewhere.points_at", "new", "typo.ini at legacy"),
    Refusal(f"{ORDERS}.pgbouncer.elsewhere.config", "not writable", "check path"),
    Refusal(f"{ORDERS}.pgbouncer.elsewhere.query_wait_timeout", "5 s", "Raise query"),
    Refusal(f"{ORDERS}.pgbouncer.down.reachable", "127.0.0.1", "Start it"),
    Refusal("database.pgbouncer.down.console", "127.0.0.1", "Start it"),
    Refusal("database.pgbouncer.pools.pooling", "session", "pool_mode = transaction"),
    Refusal(
        "database.pgbouncer.pools.prepared_statements",
        "max_prepared_statements 0",
        "prepared_statements: false",
    ),
    Refusal("database.orders.writers_declared", "0 declared", "`writers`"),
    Refusal("database.orders.writers", "nightly (", "Declare each under `writers`"),
    Refusal("service.schema", "legacy 1; new 2", "schema_versions"),
]
WARNED = [
    Refusal(f"{ORDERS}.legacy.max_slot_wal_keep_size", "unlimited", "on legacy"),
    Refusal(f"{ORDERS}.new.max_slot_wal_keep_size", "unlimited", "on new"),
    Refusal(f"{ORDERS}.new.wal_retrieve_retry_interval", "command line", "slower"),
    Refusal(f"{ORDERS}.legacy.role_elsewhere", "bare", "its own role"),
    Refusal(f"{ORDERS}.other_writers", "nightly", "REVOKE"),
    Refusal(
        f"{ORDERS}.extension_versions",
        "pg_buffercache (legacy 1.2, new 1.3)",
        "ALTER EXTENSION",
    ),
    Refusal("database.orders.new_untouched", "early-bird", "End these sessions"),
]
REMOVED = {"database.pgbouncer.down.console"}
"""Items that are there only while they do not hold."""


def names(refusals: list[Refusal]) -> list[str]:
    return [refusal.item for refusal in refusals]


class TestRefused:
    """What forbids a migration is red, says what it is, and is green once mended."""

    @pytest.mark.parametrize("refusal", REFUSED, ids=names(REFUSED))
    def test_it_is_a_blocker_that_names_what_it_found(
        self, looks: Looks, refusal: Refusal
    ) -> None:
        _compare(looks, refusal, "blocker")

    @pytest.mark.parametrize("refusal", WARNED, ids=names(WARNED))
    def test_it_is_a_warning_that_names_what_it_found(
        self, looks: Looks, refusal: Refusal
    ) -> None:
        _compare(looks, refusal, "warning")

    def test_the_whole_is_red_and_then_green(self, looks: Looks) -> None:
        red, green = looks
        assert (red.ok, red.ended.returncode) == (False, 2)
        assert (green.failed(), green.ok, green.ended.returncode) == (set(), True, 0)
        assert green.failed("warning") == {"backup.declared"} & green.failed("warning")

    def test_every_blocker_found_is_one_of_these(self, looks: Looks) -> None:
        """Of the second item only what is its own: the servers are the same."""
        found = {name for name in looks.red.failed() if not _repeats(name)}
        assert found == set(names(REFUSED))


def _repeats(name: str) -> bool:
    """Whether an item is about what another one is about already."""
    is_notes = name.startswith((NOTES, "database.notes"))
    return is_notes and name not in names(REFUSED)


def _compare(looks: Looks, refusal: Refusal, severity: str) -> None:
    found = _one(looks.red, refusal.item)
    assert (found["ok"], found["severity"]) == (False, severity)
    assert refusal.observed in found["observed"]
    assert found["required"]
    assert refusal.remedy in found["remedy"]
    if refusal.item not in REMOVED:
        assert _one(looks.green, refusal.item)["ok"]


def _one(look: Look, name: str) -> dict[str, object]:
    """Return the item; a PgBouncer that two items declare is looked at twice."""
    found = [item for item in look.document["items"] if item["id"] == name]
    assert found, sorted(item["id"] for item in look.document["items"])
    return dict(found[0])
