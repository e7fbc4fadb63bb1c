# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``hal9-break-glass``: look at, trip, release, with no Ansible."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import sys
import time
from collections.abc import Sequence

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    keeping,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    RouterReading,
)

DIRECTORY = "/etc/haproxy/hal9"
_DONE, _FAILED, _USAGE = 0, 1, 2
_EPILOG = """examples:
  hal9-break-glass status
  hal9-break-glass rollback shop     every user to legacy, at once, on all routers
  hal9-break-glass release shop      clear the trip on this router; the share stays 0

The router tells its peers of a rollback. Run `rollback` on each router that you reach,
so that it also survives a restart there; run `release` on every router. The journal
learns of it when the controller is back. `keep --every 1` is what hal9-keep.service
runs: it puts the guard's own trips on disk.

Exit codes: 0 done, 1 failed, 2 wrong usage."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    options = _parser().parse_args(arguments)
    if options.verb == "keep":
        return keeping.run(options.directory, options.every)
    try:
        router = HaproxyRouter.open(options.directory)
        for reading in _carry_out(router, options):
            said = _as_json(reading) if options.json else describe(reading)
            sys.stdout.write(f"{said}\n")
    except MigrateError as error:
        sys.stderr.write(f"hal9-break-glass: {error}\n")
        return _USAGE if isinstance(error, InvalidSpec) else _FAILED
    return _DONE


def describe(reading: RouterReading) -> str:
    """Return one line about one migration on this router."""
    setting = reading.setting
    if reading.finalised:
        return (
            f"{setting.migration} on {reading.router}: finalised, every user on new "
            f"({reading.sessions_on_new} sessions, {reading.new_servers_up} servers up)"
        )
    trip = f"tripped by {reading.trip}" if reading.trip else "not tripped"
    if reading.trip and not setting.tripped:
        trip += ", not on disk"
    return (
        f"{setting.migration} on {reading.router}: {_percent(reading.effective_share)} "
        f"of users on new ({trip}; share {_percent(setting.share)}, fallback "
        f"{_percent(setting.fallback)}, epoch {setting.epoch}, {_lease(reading)}; "
        f"{len(reading.workers)} workers, {reading.sessions_on_new} sessions on new, "
        f"servers up: {reading.legacy_servers_up} legacy, {reading.new_servers_up} new)"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hal9-break-glass",
        description="Send every user of a migration to legacy, on all routers.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--directory", default=DIRECTORY, help="files of the router role"
    )
    parser.add_argument("--json", action="store_true", help="print readings as JSON")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    status = verbs.add_parser("status", help="what this router does now")
    status.add_argument("migration", nargs="?", help="all of them when not given")
    rollback = verbs.add_parser("rollback", help="every user to legacy")
    rollback.add_argument("migration")
    release = verbs.add_parser("release", help="clear the trip; the share stays 0")
    release.add_argument("migration")
    rewrite = verbs.add_parser("rewrite", help="tell all workers again, after a reload")
    rewrite.add_argument("migration", nargs="?", help="all of them when not given")
    rewrite.add_argument("--seconds", type=float, default=0, help="repeat for so long")
    keep = verbs.add_parser("keep", help="put on disk what the guard has tripped")
    keep.add_argument(
        "--every", type=float, default=0, help="go on, with pauses of so many seconds"
    )
    return parser


def _carry_out(
    router: HaproxyRouter, options: argparse.Namespace
) -> tuple[RouterReading, ...]:
    names = _migrations(router, options.migration)
    if options.verb == "rollback":
        return tuple(router.trip(name, "operator") for name in names)
    if options.verb == "release":
        return tuple(_release(router, name) for name in names)
    if options.verb == "rewrite":
        told = [name for name in names if name not in router.site.finalised]
        return tuple(_rewrite(router, name, options.seconds) for name in told)
    return tuple(router.read(name) for name in names)


def _migrations(router: HaproxyRouter, wanted: str | None) -> tuple[str, ...]:
    known = router.site.migrations
    if wanted is None:
        return known
    if known and wanted not in known:
        raise InvalidSpec(
            f"There is no migration {wanted} on {router.site.name}; "
            f"there is: {', '.join(known)}."
        )
    return (wanted,)


def _release(router: HaproxyRouter, migration: str) -> RouterReading:
    return router.release(migration, router.read(migration).setting.epoch + 1)


def _rewrite(router: HaproxyRouter, migration: str, seconds: float) -> RouterReading:
    """Repeat for a while: a draining worker loses its tables soon after a reload."""
    ends = time.monotonic() + seconds
    reading = router.rewrite(migration)
    while time.monotonic() < ends:
        time.sleep(0.1)
        reading = router.rewrite(migration)
    return reading


def _percent(share: int) -> str:
    return f"{share / 100:g} %"


def _lease(reading: RouterReading) -> str:
    left = reading.lease_until - reading.clock
    if not reading.lease_until:
        return "no lease"
    if left <= 0:
        return "lease run out"
    until = datetime.datetime.fromtimestamp(reading.lease_until, datetime.timezone.utc)
    return f"lease until {until:%H:%M:%S} UTC ({left:.0f} s)"


def _as_json(reading: RouterReading) -> str:
    shown = {
        **dataclasses.asdict(reading),
        "effective_share": reading.effective_share,
    }
    return json.dumps(shown, sort_keys=True)
