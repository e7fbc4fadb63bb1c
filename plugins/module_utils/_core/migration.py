# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration is: the frozen types that the rest of the collection works with.

``spec.parse`` turns the declaration ``hal9_migration`` into a :class:`Migration`; after
that no raw dict is passed on. Durations are seconds, shares are buckets (0..10,000),
rates are fractions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.backup_declared import (
    Drive,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.judge import (
    GatePolicy,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.phases import Phase
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    SecretRef,
    StateItem,
)


@dataclass(frozen=True)
class Identity:
    """One source of a user's stable identity; the first that a request carries decides
    the bucket.
    """

    kind: Literal["cookie", "header", "source"]
    name: str = ""


@dataclass(frozen=True)
class Server:
    """One server of a side; address is ``host:port``."""

    name: str
    address: str


@dataclass(frozen=True)
class Health:
    """How the router and the pre-check ask a server whether it is well."""

    path: str = "/health"
    status: int = 200
    interval_seconds: float = 1.0


@dataclass(frozen=True)
class SideSpec:
    """One side of the migration; ``schema_versions`` are the data schemas it serves.

    ``node_exporters`` say how its hosts are (``host:port``).
    """

    servers: tuple[Server, ...]
    health: Health
    group: str
    schema_versions: tuple[str, ...] = ()
    node_exporters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Routers:
    """The routers in front of both sides: provider and inventory group."""

    provider: str = "haproxy"
    group: str = "hal9_routers"


@dataclass(frozen=True)
class Lease:
    """How long a share may be used without renewal."""

    seconds: int = 15


@dataclass(frozen=True)
class Guard:
    """When the router trips by itself: failures of new (seen or masked) within the
    window.

    It trips at ``failures`` AND at ``rate`` of new's requests in the window;
    ``slow_ms`` and ``slow_rate`` likewise, only when new is worse than legacy by
    ``slower_than_legacy`` (a ratio). ``pause_after_switch_seconds`` silences latency
    alone.
    """

    window_seconds: int = 10
    failures: int = 10
    rate: float = 0.01
    slow_ms: int = 100
    slow_rate: float = 0.05
    slow_count: int = 50
    slower_than_legacy: float = 2.0
    pause_after_switch_seconds: int = 10


@dataclass(frozen=True)
class StepSpec:
    """One step: the share, the gate's policy (soak and limits inside it) and the smooth
    change's length.
    """

    share: int
    policy: GatePolicy
    gradual_seconds: float = 0.0


@dataclass(frozen=True)
class PhaseSpec:
    """The steps of one phase, in order."""

    phase: Phase
    steps: tuple[StepSpec, ...]


@dataclass(frozen=True)
class ShadowSpec:
    """The mirror: where the comparator listens, what share of eligible requests, and
    caps.
    """

    comparator: str
    group: str = "hal9_shadow"
    rate: float = 1.0
    max_in_flight: int = 32
    max_per_second: float = 50.0
    timeout_seconds: float = 2.0
    ignore_fields: tuple[str, ...] = ()
    redact: tuple[str, ...] = (
        "authorization",
        "cookie",
        "set-cookie",
        "password",
        "token",
    )


@dataclass(frozen=True)
class Writer:
    """A declared writer of the state (service, cron, worker) and how it reaches the
    database.

    Its sessions are known by ``user`` (empty: the application's role) and
    ``application`` (a pattern of application_name, empty: any).
    """

    name: str
    through: str
    stopped_by: str = ""
    user: str = ""
    application: str = ""


@dataclass(frozen=True)
class Threshold:
    """One limit of the automatic rollback: metric above ``maximum`` for ``seconds`` (0
    = at once).
    """

    metric: str
    maximum: float
    seconds: float = 0.0


@dataclass(frozen=True)
class RollbackPolicy:
    """When and how the controller goes back by itself."""

    thresholds: tuple[Threshold, ...]
    close_connections: bool = True


@dataclass(frozen=True)
class Flags:
    """The flag file (flagd format) and the flags that phases turn: ``(phase, flag,
    variant)``.
    """

    path: str
    turns: tuple[tuple[Phase, str, str], ...] = ()


@dataclass(frozen=True)
class Backup:
    """A backup that pre-check looks for: one that ``drive`` says how to make, or the
    newest file that matches ``path``, made by somebody else; both on ``host``.
    """

    name: str
    host: str
    path: str
    max_age_seconds: float = 86_400.0
    drive: Drive | None = None


@dataclass(frozen=True)
class JournalSpec:
    """Where the journal is kept, on the coordinator."""

    backend: Literal["sqlite", "postgresql"] = "sqlite"
    path: str = "/var/lib/hal9/journal.db"
    dsn: SecretRef | None = None


@dataclass(frozen=True)
class Migration:
    """A declared move of one service from legacy to new."""

    name: str
    identity: tuple[Identity, ...]
    salt: str
    safe_methods: tuple[str, ...]
    legacy: SideSpec
    new: SideSpec
    routers: Routers
    lease: Lease
    guard: Guard
    phases: tuple[PhaseSpec, ...]
    shadow: ShadowSpec | None
    state: tuple[StateItem, ...]
    writers: tuple[Writer, ...]
    rollback: RollbackPolicy
    flags: Flags | None
    journal: JournalSpec
    sign_offs: tuple[str, ...] = ()
    reports: str = "/var/lib/hal9/reports"
    notifications: tuple[tuple[str, str], ...] = ()
    backups: tuple[Backup, ...] = ()
