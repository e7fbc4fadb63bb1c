# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command against two real HAProxy routers, as an operator types it."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy.adapter import (
    HaproxyRouter,
)
from tests.integration.precheck.bed import Bed, running_site
from tests.lab.parts import wait_until

ROOT = Path(__file__).resolve().parents[3]
COMMAND = str(Path(sys.executable).with_name("hal9-migrate"))
USERS = 500
BOUND = 120
"""Seconds after which a command counts as hung; a quiet machine takes a few."""

pytestmark = pytest.mark.slow


@dataclass
class Operator:
    """Somebody with a shell, the inventory and no terminal."""

    bed: Bed
    inventory: Path

    def environment(self) -> dict[str, str]:
        home = str(ROOT / ".ansible")
        return {
            **os.environ,
            "HAL9_INVENTORY": str(self.inventory),
            "ANSIBLE_HOME": home,
        }

    def types(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [COMMAND, *line.split()],
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BOUND,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        ended = self.types("status --format json")
        assert ended.returncode == 0, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout)
        return found

    @contextmanager
    def typing(self, line: str) -> Iterator[subprocess.Popen[str]]:
        """Begin one command; it is ended whatever happens."""
        begun = subprocess.Popen(
            [COMMAND, *line.split()],
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield begun
        finally:
            if begun.poll() is None:
                begun.terminate()
                begun.wait(60)


@pytest.fixture(scope="module")
def operator() -> Iterator[Operator]:
    with running_site() as bed:
        _declare(bed)
        bed.adopt()
        inventory = bed.directory / "inventory.yml"
        inventory.write_text(yaml.safe_dump(bed._inventory()))
        yield Operator(bed, inventory)


def _declare(bed: Bed) -> None:
    gates = {"soak": "1s", "gates": {"error_rate": "<= 5%"}}
    flags = bed.directory / "flags.json"
    variants = {"on": True, "off": False}
    flag = {"state": "ENABLED", "variants": variants, "defaultVariant": "off"}
    flags.write_text(json.dumps({"flags": {"shop-new": flag}}))
    bed.declaration.update(
        identity=[{"cookie": "uid"}],
        flags={"path": str(flags)},
        phases={
            "canary": {**gates, "steps": ["25%", "50%"]},
            "ramp_up": {**gates, "steps": ["75%"]},
            "full": {**gates, "steps": ["100%"]},
        },
    )


@contextmanager
def users(bed: Bed) -> Iterator[None]:
    """Users of both routers ask about a hundred times a second."""
    gone = threading.Event()

    def ask() -> None:
        for number in itertools.count():
            if gone.wait(0.01):
                return
            port = bed.fronts[number % 2]
            with suppress(OSError):
                router = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                headers = {"Cookie": f"uid=user{number % USERS}"}
                router.request("GET", "/", headers=headers)
                router.getresponse().read()
                router.close()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    try:
        yield
    finally:
        gone.set()
        asking.join(10)


class TestCommand:
    """The tests of this class follow one another: a migration is a story."""

    def test_status_of_a_migration_that_has_not_begun(self, operator: Operator) -> None:
        shown = operator.types("status")
        assert (shown.returncode, shown.stderr) == (0, "")
        assert "shop: idle" in shown.stdout
        told = "Next: hal9-migrate migrate --phase canary --percentage 25"
        assert told in shown.stdout

    def test_nothing_changes_without_an_answer(self, operator: Operator) -> None:
        ended = operator.types("migrate --phase canary")
        assert ended.returncode == 2
        assert "Add --yes" in ended.stderr
        assert operator.status()["events"] == []

    def test_a_dry_run_shows_the_plan_and_changes_nothing(
        self, operator: Operator
    ) -> None:
        ended = operator.types("migrate --phase canary --dry-run")
        assert ended.returncode == 0, ended.stderr
        assert "Plan: 4 steps left." in ended.stdout
        assert "share 25% would be applied" in ended.stdout
        assert operator.status()["events"] == []

    def test_a_phase_too_early_is_refused_with_the_next_command(
        self, operator: Operator
    ) -> None:
        ended = operator.types("migrate --phase full --yes")
        assert ended.returncode == 3, ended.stdout + ended.stderr
        assert ended.stderr.count("Cannot begin full") == 1
        assert "hal9-migrate migrate --phase canary --percentage 25" in ended.stderr

    def test_an_interrupt_is_gone_on_from_by_the_same_command(
        self, operator: Operator
    ) -> None:
        line = "migrate --phase canary --percentage 25 --yes"
        with operator.typing(line) as begun:
            assert begun.stdout is not None
            _read_until(begun, "gate: canary 25%: hold")
            begun.send_signal(signal.SIGINT)
            _out, errors = begun.communicate(timeout=60)
        assert begun.returncode == 130
        assert "run the same command again" in errors
        assert operator.status()["position"]["intent"]["share"] == 2500
        with users(operator.bed):
            ended = operator.types(line)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "Committed: canary 25%" in ended.stdout

    def test_a_phase_that_is_not_declared_is_refused(self, operator: Operator) -> None:
        refused = operator.types("migrate --phase shadow --yes")
        assert refused.returncode == 2
        assert "phases: canary, ramp_up, full" in refused.stderr

    def test_a_bad_declaration_is_bad_input_of_the_pre_check_too(
        self, operator: Operator, tmp_path: Path
    ) -> None:
        bad = {"hal9_migration": {**operator.bed.declaration, "sides": {}}}
        (tmp_path / "bad.yml").write_text(yaml.safe_dump(bad))
        refused = operator.types(f"-m {tmp_path}/bad.yml pre-check")
        assert refused.returncode == 2, refused.stderr
        assert refused.stderr.startswith("Error: Refused the declaration")

    def test_a_step_that_is_done_changes_nothing(self, operator: Operator) -> None:
        before = operator.status()["events"]
        ended = operator.types("migrate --phase canary --percentage 25 --yes")
        assert ended.returncode == 0, ended.stderr
        assert operator.status()["events"] == before

    def test_a_pause_holds_and_a_resume_goes_on(self, operator: Operator) -> None:
        assert operator.types("pause --reason sale").returncode == 0
        refused = operator.types("migrate --yes")
        assert refused.returncode == 3
        assert "hal9-migrate resume" in refused.stderr
        assert operator.types("resume").returncode == 0

    def test_a_flag_is_turned_and_remembered(self, operator: Operator) -> None:
        line = "feature enable shop-new --percentage 25 --reason trial --yes"
        ended = operator.types(line)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "on for 25%" in operator.types("feature list").stdout
        history = operator.types("feature history shop-new --format json").stdout
        assert json.loads(history)[0]["body"]["reason"] == "trial"
        unknown = operator.types("feature enable nothing --yes")
        assert unknown.returncode == 2
        assert "it has shop-new" in unknown.stderr

    def test_a_checkpoint_is_kept_and_listed(self, operator: Operator) -> None:
        assert operator.types("state checkpoint before-sale").returncode == 0
        listed = operator.types("state list-checkpoints --format json").stdout
        assert [one["name"] for one in json.loads(listed)] == ["before-sale"]

    def test_a_rollback_leaves_an_incident_report(self, operator: Operator) -> None:
        ended = operator.types("rollback --to zero --reason slow --yes")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "Rolled back: 0% of the users on new." in ended.stdout
        pages = list((operator.bed.directory / "state").glob("*-incident-*.html"))
        assert len(pages) == 1
        assert "Taken off new by operator: slow." in pages[0].read_text()

    def test_a_report_is_written_where_it_is_wanted(
        self, operator: Operator, tmp_path: Path
    ) -> None:
        ended = operator.types(f"report --output {tmp_path}/out --format json")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        path = Path(ended.stdout.strip())
        assert path == tmp_path / "out" / "shop-report.json"
        assert json.loads(path.read_text())["migration"] == "shop"

    def test_an_abort_ends_the_step_in_flight_and_leaves_an_incident_report(
        self, operator: Operator
    ) -> None:
        # Without users there is no evidence: the step waits for it.
        line = "migrate --phase canary --percentage 25 --yes"
        with operator.typing(line) as waiting:
            wait_until(lambda: _in_force(operator) == [2500, 2500], 60, "the step")
            ended = operator.types("abort --yes --reason looks-bad")
            out, errors = waiting.communicate(timeout=BOUND)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert waiting.returncode != 0, out + errors
        assert _in_force(operator) == [0, 0]
        pages = sorted((operator.bed.directory / "state").glob("*-incident-*.html"))
        assert len(pages) == 2
        assert "looks-bad" in pages[-1].read_text()

    def test_a_rollback_to_a_share_takes_exactly_that_share(
        self, operator: Operator
    ) -> None:
        with users(operator.bed):
            step = operator.types("migrate --phase canary --percentage 25 --yes")
            assert step.returncode == 0, step.stdout + step.stderr
        ended = operator.types("rollback --to 0.29% --yes")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        _end_lease(operator)
        routers = operator.status()["routers"].values()
        shares = [one["reading"]["setting"]["share"] for one in routers]
        assert shares == [29, 29]
        assert operator.types("rollback --to zero --yes").returncode == 0

    def test_a_hold_brings_a_share_into_force_whose_lease_is_over(
        self, operator: Operator
    ) -> None:
        with users(operator.bed):
            step = operator.types("migrate --phase canary --percentage 25 --yes")
            assert step.returncode == 0, step.stdout + step.stderr
            _end_lease(operator)
            before = _in_force(operator)
            ended = operator.types("hold --for 2s")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "gate: canary 25%: " in ended.stdout
        assert (before, _in_force(operator)) == ([0, 0], [2500, 2500])

    def test_a_hold_ends_well_when_another_command_takes_over(
        self, operator: Operator
    ) -> None:
        with users(operator.bed), operator.typing("hold --for 90s") as held:
            _end_lease(operator)
            wait_until(lambda: _in_force(operator) == [2500, 2500], 60, "the hold")
            taken = operator.types("rollback --to zero --reason other --yes")
            assert taken.returncode == 0, taken.stdout + taken.stderr
            out, errors = held.communicate(timeout=60)
        assert held.returncode == 0, out + errors

    def test_without_users_on_new_there_is_nothing_to_hold(
        self, operator: Operator
    ) -> None:
        refused = operator.types("hold --for 2s")
        assert refused.returncode == 3
        assert "no user is on new" in refused.stderr

    def test_a_hold_that_meets_a_trip_goes_back_and_names_it(
        self, operator: Operator
    ) -> None:
        with users(operator.bed):
            step = operator.types("migrate --phase canary --percentage 25 --yes")
            assert step.returncode == 0, step.stdout + step.stderr
            with operator.typing("hold --for 90s") as held:
                directory = operator.bed.routers[0].directory / "hal9"
                HaproxyRouter.open(str(directory)).trip("shop", "gate")
                out, errors = held.communicate(timeout=BOUND)
        assert held.returncode == 4, out + errors
        back = operator.status()["events"][-1]
        assert (back["kind"], back["body"]["trigger"]) == ("rolled_back", "trip")
        assert back["body"]["evidence"]
        assert operator.types("release --yes").returncode == 0

    def test_an_emergency_trips_both_routers_and_a_release_ends_it(
        self, operator: Operator
    ) -> None:
        with users(operator.bed):
            again = operator.types("migrate --phase canary --percentage 25 --yes")
        assert again.returncode == 0, again.stdout + again.stderr
        ended = operator.types("rollback --emergency")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        found = operator.status()
        readings = [one["reading"] for one in found["routers"].values()]
        assert [one["trip"] for one in readings] == ["operator", "operator"]
        assert found["next"] == "hal9-migrate release"
        released = operator.types("release --yes --reason over")
        assert released.returncode == 0, released.stdout + released.stderr
        readings = [r["reading"] for r in operator.status()["routers"].values()]
        assert [one["trip"] for one in readings] == [None, None]

    def test_finalise_leaves_an_ordinary_backend_of_new(
        self, operator: Operator
    ) -> None:
        with users(operator.bed):
            for line in ("migrate --yes", "validate", "finalise --yes --reason well"):
                ended = operator.types(line)
                assert ended.returncode == 0, ended.stdout + ended.stderr
        assert _in_force(operator) == [10000, 10000]
        shown = operator.types("status")
        assert "shop: finalised" in shown.stdout
        assert "cannot be reached" not in shown.stdout

    def test_after_finalise_nothing_is_left_to_do_or_undo(
        self, operator: Operator
    ) -> None:
        before = operator.status()["events"]
        again = operator.types("finalise --yes")
        assert again.returncode == 0, again.stdout + again.stderr
        back = operator.types("rollback --yes")
        assert back.returncode == 3
        assert "Moving back is a new migration" in back.stderr
        emergency = operator.types("rollback --emergency")
        assert emergency.returncode == 1
        said = " ".join((emergency.stdout + emergency.stderr).split())
        assert "The migration is finalised: the routers know no legacy." in said
        assert _in_force(operator) == [10000, 10000]
        assert operator.status()["events"] == before


def _end_lease(operator: Operator) -> None:
    """Let the lease of every router end now, as if nobody had renewed it."""
    epoch = operator.status()["position"]["epoch"]
    for router in operator.bed.routers:
        HaproxyRouter.open(str(router.directory / "hal9")).renew("shop", epoch, 1)


def _in_force(operator: Operator) -> list[int]:
    """Return the share that each router gives the next request."""
    routers = operator.status()["routers"].values()
    return [one["effective_share"] for one in routers]


def _read_until(begun: subprocess.Popen[str], told: str) -> None:
    """Read lines until one holds the text; a command that is silent is ended."""
    assert begun.stdout is not None
    seen: list[str] = []
    hung = threading.Timer(BOUND, begun.terminate)
    hung.start()
    try:
        for line in begun.stdout:
            seen.append(line)
            if told in line:
                return
    finally:
        hung.cancel()
    raise AssertionError("".join(seen))
