# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields of sides, routers, guard and mirror."""

from __future__ import annotations

from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core import spec_words as w
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Guard,
    Health,
    Routers,
    Server,
    ShadowSpec,
    SideSpec,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_kinds import (
    Choice,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_records import (
    REQUIRED,
    Field,
    Record,
    Several,
)

HEALTH = Record(
    "health",
    Health,
    (
        Field("path", w.URL_PATH, "/health", "What routers and pre-check ask for."),
        Field("status", w.STATUS, 200, "The status of a server that is well."),
        Field(
            "interval", w.DURATION, "1s", "How often a router asks.", "interval_seconds"
        ),
    ),
)

SERVER = Record(
    "server",
    Server,
    (
        Field(
            "name",
            w.WORD,
            REQUIRED,
            "The server's name in HAProxy, unique in both sides.",
            example="legacy1",
        ),
        Field(
            "address",
            w.ADDRESS,
            REQUIRED,
            "Where the routers reach it.",
            example="10.0.0.11:8080",
        ),
    ),
)


def side(title: str, group: str) -> Record:
    """Return the record of one side."""
    return Record(
        title,
        SideSpec,
        (
            Field("group", w.WORD, group, "The inventory group of its hosts."),
            Field("servers", Several(SERVER, 1), REQUIRED, "Its servers."),
            Field("health", HEALTH, {}, "How to ask a server whether it is well."),
            Field(
                "schema_versions",
                Several(w.WORD),
                [],
                "The data schemas it can serve; pre-check demands a shared one.",
                example=["1"],
            ),
            Field(
                "node_exporters",
                Several(w.ADDRESS),
                [],
                "Prometheus node exporters of its hosts, asked by the routers; "
                "`rollback.automatic` on memory and cpu looks at those of new.",
                example=["10.0.0.21:9100"],
            ),
        ),
    )


def _sides(legacy: SideSpec, new: SideSpec) -> tuple[SideSpec, SideSpec]:
    return legacy, new


SIDES = Record(
    "sides",
    _sides,
    (
        Field("legacy", side("legacy", "hal9_legacy"), REQUIRED, "What serves today."),
        Field("new", side("new", "hal9_new"), REQUIRED, "What shall serve."),
    ),
)

ROUTERS = Record(
    "routers",
    Routers,
    (
        Field("provider", Choice(("haproxy",)), "haproxy", "The kind of router."),
        Field("group", w.WORD, "hal9_routers", "The inventory group of the routers."),
    ),
)


def _guard(window: float, pause: float, **limits: Any) -> Guard:
    return Guard(
        window_seconds=int(window), pause_after_switch_seconds=int(pause), **limits
    )


GUARD = Record(
    "guard",
    _guard,
    (
        Field("window", w.WHOLE_SECONDS, "10s", "The time over which it counts."),
        Field(
            "failures",
            w.COUNT,
            10,
            "So many failures of new in the window, of all routers, trip it. At most "
            "so many for each router fail, and what is under way by then.",
        ),
        Field(
            "rate", w.RATE, "1%", "The part of new's requests that must have failed."
        ),
        Field("slow_ms", w.MILLISECONDS, 100, "From here on an answer counts as slow."),
        Field("slow_rate", w.RATE, "5%", "The part of new's answers that was slow."),
        Field("slow_count", w.COUNT, 50, "So many answers must have been slow."),
        Field(
            "slower_than_legacy",
            w.RATIO,
            2.0,
            "So many times as often slow as legacy must new have been.",
        ),
        Field(
            "pause_after_switch",
            w.WHOLE_SECONDS_OR_NONE,
            "10s",
            "Latency does not trip for so long after a switch of state.",
            "pause",
        ),
    ),
)


def _shadow(rate: float, **values: Any) -> ShadowSpec:
    redact = ShadowSpec("").redact
    return ShadowSpec(rate=rate, **{**values, "redact": (*redact, *values["redact"])})


SHADOW = Record(
    "shadow",
    _shadow,
    (
        Field(
            "comparator",
            w.ADDRESS,
            REQUIRED,
            "Where the comparator listens.",
            example="10.0.0.31:8301",
        ),
        Field("group", w.WORD, "hal9_shadow", "The inventory group that runs it."),
        Field("rate", w.RATE, "100%", "The part of eligible requests to mirror."),
        Field("max_in_flight", w.COUNT, 32, "More at a time are shed, and counted."),
        Field(
            "max_per_second", w.PER_SECOND, 50, "More per second are shed, and counted."
        ),
        Field(
            "timeout", w.DURATION, "2s", "When to give an answer up.", "timeout_seconds"
        ),
        Field(
            "ignore_fields",
            Several(w.LABEL),
            [],
            "Fields of an answer that may differ.",
            example=["generated_at"],
        ),
        Field(
            "redact",
            Several(w.LABEL),
            [],
            "Fields never stored, besides authorization, cookie, set-cookie, password "
            "and token.",
        ),
    ),
)
