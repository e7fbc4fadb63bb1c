# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each thing that replication needs is looked at by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.state_facts import (
    BouncerFacts,
    ServerFacts,
    SiteFacts,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_postgresql import (
    items,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_readiness import (
    blocking,
)

FIT = {"wal_level": "logical", "max_slot_wal_keep_size": "2048"}


def server(side: str, **changes: Any) -> ServerFacts:
    """A server that is fit."""
    fit = ServerFacts(
        side=side,
        version=150018,
        system=side,
        encoding="UTF8",
        collation="C.UTF-8/C.UTF-8",
        superuser=True,
        settings=FIT,
        free_slots=9,
        free_senders=9,
        free_workers=4,
        extensions={"plpgsql": "1.0"},
        roles=("shop", "postgres"),
        tables=("public.orders",),
    )
    return replace(fit, **changes)


def bouncer(**changes: Any) -> BouncerFacts:
    """A PgBouncer that is fit."""
    fit = BouncerFacts(
        name="pgb",
        reachable=True,
        version=(1, 18, 0),
        pool_mode="transaction",
        points_at="legacy",
        wait_timeout=120.0,
        config_writable=True,
        config="/etc/pgbouncer/pgbouncer.ini",
    )
    return replace(fit, **changes)


def site(**changes: Any) -> SiteFacts:
    """A site that is fit."""
    fit = SiteFacts(
        legacy=server("legacy"),
        new=server("new", tables=()),
        bouncers=(bouncer(),),
        application_role="shop",
        needed_roles=("shop",),
        deadline_seconds=30.0,
    )
    return replace(fit, **changes)


WAL = {"wal_level": "replica", "max_slot_wal_keep_size": "2048"}
HASTY = {**WAL, "wal_level": "logical", "statement_timeout": "5000"}
REFUSED: list[tuple[str, SiteFacts]] = [
    ("legacy.wal_level", site(legacy=server("legacy", settings=WAL))),
    ("new.wal_level", site(new=server("new", settings=WAL))),
    ("legacy.version", site(legacy=server("legacy", version=110000))),
    ("new.version", site(new=server("new", version=130000))),
    ("legacy.superuser", site(legacy=server("legacy", superuser=False))),
    ("legacy.free_slots", site(legacy=server("legacy", free_slots=0))),
    ("legacy.free_senders", site(legacy=server("legacy", free_senders=2))),
    ("new.free_workers", site(new=server("new", free_workers=0))),
    ("legacy.statement_timeout", site(legacy=server("legacy", settings=HASTY))),
    ("databases_differ", site(new=server("new", system="legacy"))),
    ("encoding", site(new=server("new", encoding="LATIN1"))),
    ("collation", site(new=server("new", collation="C/C"))),
    ("extensions", site(legacy=server("legacy", extensions={"postgis": "3.3"}))),
    ("tables", site(legacy=server("legacy", tables=()))),
    ("replica_identity", site(legacy=server("legacy", without_identity=("log",)))),
    ("unlogged_tables", site(legacy=server("legacy", unlogged=("scratch",)))),
    ("large_objects", site(legacy=server("legacy", large_objects=3))),
    ("prepared_transactions", site(legacy=server("legacy", prepared=("held",)))),
    ("new.roles", site(new=server("new", roles=("postgres",)))),
    ("legacy.dsn_user", site(legacy=server("legacy", exclusive_user=False))),
    ("pgbouncer.pgb.reachable", site(bouncers=(bouncer(reachable=False),))),
    ("pgbouncer.pgb.version", site(bouncers=(bouncer(version=(1, 9)),))),
    ("pgbouncer.pgb.pool_mode", site(bouncers=(bouncer(pool_mode="session"),))),
    ("pgbouncer.pgb.points_at", site(bouncers=(bouncer(points_at="new"),))),
    ("pgbouncer.pgb.config", site(bouncers=(bouncer(config_writable=False),))),
    ("pgbouncer.pgb.query_wait_timeout", site(bouncers=(bouncer(wait_timeout=9),))),
]


class TestItems:
    """What is unfit is refused, and nothing else."""

    def test_a_fit_site_is_refused_nothing(self) -> None:
        assert [item.id for item in items(site()) if item.severity != "ok"] == []

    @pytest.mark.parametrize(
        ("name", "facts"), REFUSED, ids=[n for n, _unused in REFUSED]
    )
    def test_each_unfit_thing_is_refused_alone_with_a_remedy(
        self, name: str, facts: SiteFacts
    ) -> None:
        refused = blocking(items(facts))
        assert [item.id for item in refused] == [name]
        assert refused[0].remedy

    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            ("legacy.max_slot_wal_keep_size", {"settings": {"wal_level": "logical"}}),
            (
                "legacy.wal_retrieve_retry_interval",
                {"settings": {**FIT, "pace source": "command line"}},
            ),
            ("legacy.role_elsewhere", {"role_elsewhere": ("crm",)}),
            ("other_writers", {"writers": ("cron",)}),
            ("extension_versions", {"extensions": {"plpgsql": "0.9"}}),
        ],
    )
    def test_what_needs_a_person_is_a_warning(
        self, name: str, changes: dict[str, Any]
    ) -> None:
        found = items(site(legacy=server("legacy", **changes)))
        assert [i.id for i in found if i.severity == "warning"] == [name]
        assert blocking(found) == ()

    @pytest.mark.parametrize(
        ("value", "observed"),
        [("5000", "5000 ms"), ("5s", "5s"), ("2min", "2min"), ("0s", "0"), ("0", "0")],
    )
    def test_a_timeout_is_shown_as_a_person_set_it(
        self, value: str, observed: str
    ) -> None:
        settings = {**FIT, "statement_timeout": value}
        found = items(site(legacy=server("legacy", settings=settings)))
        (one,) = [each for each in found if each.id == "legacy.statement_timeout"]
        assert (one.observed, one.severity == "ok") == (observed, observed == "0")

    def test_a_link_that_lives_needs_less_room(self) -> None:
        tight = server("legacy", free_slots=1, free_senders=1)
        assert blocking(items(site(legacy=tight, linked=True))) == ()
