# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator types on the whole lab, with its passwords given in each of the
three ways, and that none of them is heard by anybody meanwhile.

One lab for all: the tests follow one another, as a migration does.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.chaos.shop_lab import GATES
from tests.integration.cli.flag_reader import users_with
from tests.integration.cli.lab_shell import Shell, lab_shell
from tests.lab.load.record import Request, read
from tests.lab.parts import wait_until

GRADUAL_SECONDS = 8
USERS = 2000
FLAG = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "off",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("flags") / "flags.json"
    file.write_text(json.dumps({"flags": {"shop-new": FLAG}}))
    return file


@pytest.fixture(scope="module")
def shell(flags: Path) -> Iterator[Shell]:
    changes = {
        "lease": "5m",  # no command renews it between two
        "flags": {"path": str(flags)},
        "phases": {"canary": {**GATES, "steps": ["50%"]}, "state": GATES},
    }
    with lab_shell(changes) as opened:
        yield opened


class TestLabCommands:
    def test_a_pre_check_is_green(self, shell: Shell) -> None:
        assert "Pre-check is green" in shell.types("-vvvv pre-check")

    def test_users_see_nothing_of_what_is_typed(self, shell: Shell) -> None:
        with shell.shop.customers():
            said = shell.types("-vvvv migrate --phase canary --yes")
            assert "Committed: canary 50%" in said
            self._watch_until_ctrl_c(shell)
            began, ended = self._go_back_gradually(shell)
            answered = requests(shell)
            wait_until(lambda: requests(shell) > answered + 200, 60, "200 more")
        assert shell.shop.totals().failed == 0, shell.shop.failures()
        on_new = parts_on_new(shell, began, ended)
        assert 0.4 < on_new[0] < 0.6, on_new
        assert on_new[1] < on_new[0] - 0.1, on_new
        assert on_new[2] < 0.2, on_new

    def _watch_until_ctrl_c(self, shell: Shell) -> None:
        with shell.at_a_screen("status --watch --interval 1") as screen:
            for _look in range(2):
                screen.expect("Ctrl-C ends the watch", timeout=120)
                shell.listeners.hear(screen.before)
                assert "50% of users" in screen.before
            screen.sendintr()
            screen.expect(pexpect.EOF, timeout=60)
            screen.wait()
        assert (screen.exitstatus, screen.signalstatus) == (0, None)
        shown_again, cursor_again = "\x1b[?1049l", "\x1b[?25h"
        assert shown_again in screen.before
        assert cursor_again in screen.before
        assert "Traceback" not in screen.before
        assert list(shell.given.scratch.glob("hal9-*")) == []

    def _go_back_gradually(self, shell: Shell) -> tuple[float, float]:
        line = f"rollback --to 10% --gradual --duration {GRADUAL_SECONDS}s --yes"
        shares, seen = [], [time.time()]
        with shell.typing(line) as begun:
            while begun.poll() is None:
                shares.append(shell.share_in_force("router1"))
                if shares[-1] == 5000:
                    seen[:] = [time.time()]
                elif shares[-1] > 1000:
                    seen[1:] = [time.time()]
                time.sleep(0.2)
            said, _nothing = begun.communicate(timeout=60)
        assert begun.returncode == 0, said
        shell.listeners.hear(said)
        assert shares == sorted(shares, reverse=True)
        assert len({share for share in shares if 1000 < share < 5000}) >= 4, shares
        assert said.splitlines()[0].startswith("The share changes over 8 s;")
        assert said.splitlines()[-1] == "Rolled back: 10% of the users on new."
        assert said.count("share 10% applied and read back (epoch 2)") == 2
        return seen[0], seen[-1]

    def test_a_table_tells_what_is_in_force_on_the_way(self, shell: Shell) -> None:
        shell.bring_part_of_the_way("router1", 700)
        _titles, shop, told, _more, *routers, following = shell.types(
            "status --format table"
        ).splitlines()
        columns = [re.split(r"  +", line.strip()) for line in (shop, *routers)]
        assert columns[0] == ["shop", "idle", "10%", "0/9", "2", "0%", "legacy"]
        assert columns[1][:3] == ["router1", "10%", "7%"]
        assert columns[2][:3] == ["router2", "10%", "10%"]
        assert told == "Router router1 is on its way to share 10%: 7% is in force now."
        assert following == "Next: hal9-migrate migrate --phase canary --percentage 50"

    def test_a_rollback_that_is_refused_is_forced(self, shell: Shell) -> None:
        said = shell.types("rollback --to full --force --yes --reason slow")
        refused, _unused, forced = said.partition("\nTaking every user off new")
        assert refused.startswith("Error: Cannot roll shop back to full: ")
        assert forced.rstrip().endswith(
            "Every user is off new. Look with `hal9-migrate status`."
        )
        readings = [shell.router(name) for name in ("router1", "router2")]
        assert [one.trip for one in readings] == ["operator", "operator"]
        assert [one.effective_share for one in readings] == [0, 0]

    def test_flags_are_turned_as_the_official_provider_reads_them(
        self, shell: Shell, flags: Path
    ) -> None:
        assert users_with(flags, "shop-new", USERS) == 0
        shell.types("feature enable shop-new --percentage 25 --yes")
        assert users_with(flags, "shop-new", USERS) == pytest.approx(500, abs=100)
        assert flag_row(shell) == ["shop-new", "ENABLED", "off", "on for 25%"]
        shell.types("feature enable shop-new --yes")
        assert users_with(flags, "shop-new", USERS) == USERS
        shell.types("feature disable shop-new --yes")
        assert users_with(flags, "shop-new", USERS) == 0

    def test_a_report_is_written(self, shell: Shell) -> None:
        page = Path(shell.types("report").strip())
        assert page.is_relative_to(shell.shop.lab.home)
        assert "canary" in page.read_text()
        shell.types("status --detailed")

    def test_the_pre_check_is_run_as_talkative_as_it_can_be(self, shell: Shell) -> None:
        assert '"module_args"' in shell.plays("precheck")


class TestPasswords:
    """Of all that was typed above."""

    def test_they_were_given_in_three_ways(self, shell: Shell) -> None:
        assert shell.ways() == {"env", "var", "file"}
        assert [stat(path) for path in shell.given.closed()] == ["600"] * 3
        assert "$ANSIBLE_VAULT" in shell.vault().read_text()

    def test_nobody_heard_one(self, shell: Shell) -> None:
        heard = shell.listeners
        assert heard.found() == []
        assert heard.open_places == set()
        assert heard.looks > 50
        assert heard.scratch_looks > 50
        assert "variables.yml" in heard.files_seen
        assert shell.given.log.stat().st_size > 10_000
        if heard.hears_system_log:
            assert heard.told_to_system_log > 20
        else:
            print("not listened to: this machine has a system log of its own")

    def test_one_that_is_typed_is_heard_everywhere(self, shell: Shell) -> None:
        """It can fail: this password is in no declaration, so nothing hides it."""
        word = shell.shop.lab.secrets()["LAB_APPLICATION"]
        turned = {"hal9_feature_command": "enable", "hal9_flag": "shop-new"}
        shell.plays("feature", **turned, hal9_reason=word)
        expected = {
            "a command's output",
            "the journal",
            "the log of Ansible",
            "the process list (python)",
        }
        if shell.listeners.hears_system_log:
            expected.add("the system log")
        found = {
            re.sub(r"^journal\.db.*", "the journal", place)
            for place in shell.listeners.found()
        }
        assert expected - found == set()


def stat(path: Path) -> str:
    """Return who may read a file, as `chmod` writes it."""
    return f"{path.stat().st_mode & 0o777:o}"


def flag_row(shell: Shell) -> list[str]:
    """Return what the list says of the one flag."""
    _titles, row = shell.types("feature list").splitlines()[:2]
    return re.split(r"  +", row.strip())


def parts_on_new(shell: Shell, began: float, ended: float) -> list[float]:
    """Return which part of the requests new answered: before, on the way, after."""
    answered = [one for one in read(shell.shop.lab.requests) if one.served_by]
    return [
        part([one for one in answered if began - 6 < one.began < began]),
        part([one for one in answered if began < one.began < ended]),
        part([one for one in answered if one.began > ended + 0.5]),
    ]


def part(some: list[Request]) -> float:
    """Return which part of some requests new answered."""
    return sum(one.served_by.startswith("new") for one in some) / len(some)


def requests(shell: Shell) -> int:
    """Return how many requests of customers have been answered."""
    return shell.shop.lab.requests.read_bytes().count(b"\n")
