# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command as an operator types it, without running a playbook unless it says so."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import (
    emergency,
    playbook,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.playbook import (
    Ended,
    Play,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.program import run
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.settings import Settings
from tests.unit.plugins.plugin_utils import situations


class Playbooks:
    """Stands where playbooks run: notes what was asked for, and answers."""

    def __init__(self) -> None:
        self.plays: list[tuple[Play, Settings]] = []
        self.events: list[Mapping[str, Any]] = []
        self.documents: dict[str, Any] = {}
        self.ended = Ended(0, interrupted=False)

    def run(self, play: Play, settings: Settings, listener: Any) -> Ended:
        self.plays.append((play, settings))
        for event in self.events:
            listener(event)
        output = play.variables.get("hal9_output")
        for name, document in self.documents.items():
            if output:
                (Path(str(output)) / name).write_text(json.dumps(document))
        return self.ended

    @property
    def play(self) -> Play:
        return self.plays[-1][0]

    def asked(self) -> dict[str, Any]:
        asked = dict(self.play.variables)
        asked.pop("hal9_output", None)
        return asked


@pytest.fixture
def playbooks(monkeypatch: pytest.MonkeyPatch) -> Playbooks:
    found = Playbooks()
    monkeypatch.setattr(playbook, "run", found.run)
    monkeypatch.setenv("HAL9_INVENTORY", "localhost,")
    return found


class TestChangingVerbs:
    @pytest.mark.parametrize(
        "line",
        [
            "migrate",
            "migrate --phase canary --percentage 10",
            "rollback",
            "abort",
            "release",
            "finalise",
            "feature enable shop-new",
            "feature disable shop-new",
        ],
    )
    def test_are_refused_without_a_terminal_and_without_yes(
        self, playbooks: Playbooks, line: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert run(line.split()) is Exit.USAGE
        assert playbooks.plays == []
        assert "Add --yes" in capfd.readouterr().err

    @pytest.mark.parametrize(
        ("line", "name", "variables"),
        [
            ("migrate --yes", "migrate", {}),
            (
                "migrate --phase ramp-up --percentage 60% --yes",
                "migrate",
                {"hal9_phase": "ramp_up", "hal9_percentage": 60},
            ),
            (
                "migrate --gradual --duration 10m --yes",
                "migrate",
                {"hal9_gradual_seconds": 600.0},
            ),
            (
                "rollback --to 25% --with-state --yes",
                "rollback",
                {"hal9_rollback_to": "25%", "hal9_rollback_with_state": True},
            ),
            (
                "rollback --to ramp-up --reason slow -y",
                "rollback",
                {
                    "hal9_rollback_to": "ramp_up",
                    "hal9_rollback_with_state": False,
                    "hal9_reason": "slow",
                },
            ),
            (
                "pause --reason x",
                "control",
                {"hal9_command": "pause", "hal9_reason": "x"},
            ),
            ("resume", "control", {"hal9_command": "resume"}),
            ("abort --yes", "control", {"hal9_command": "abort"}),
            ("release --yes", "control", {"hal9_command": "release"}),
            ("finalise --yes", "control", {"hal9_command": "finalise"}),
            ("validate", "validate", {}),
            (
                "feature enable shop-new --percentage 12.5 --yes",
                "feature",
                {
                    "hal9_feature_command": "enable",
                    "hal9_flag": "shop-new",
                    "hal9_percentage": 12.5,
                },
            ),
            (
                "state checkpoint before-sale",
                "checkpoint",
                {"hal9_checkpoint_name": "before-sale"},
            ),
        ],
    )
    def test_run_their_playbook(
        self, playbooks: Playbooks, line: str, name: str, variables: dict[str, Any]
    ) -> None:
        assert run(line.split()) is Exit.DONE
        assert (playbooks.play.name, playbooks.asked()) == (name, variables)

    def test_a_dry_run_needs_no_answer_and_only_looks(
        self, playbooks: Playbooks, capfd: pytest.CaptureFixture[str]
    ) -> None:
        playbooks.documents = {"status.json": situations.in_canary()}
        assert run(["migrate", "--dry-run"]) is Exit.DONE
        assert [play.check for play, _settings in playbooks.plays] == [False, True]
        assert "Plan: 4 steps left." in capfd.readouterr().out

    def test_an_interrupted_one_says_how_to_go_on(
        self, playbooks: Playbooks, capfd: pytest.CaptureFixture[str]
    ) -> None:
        playbooks.ended = Ended(254, interrupted=True)
        assert run(["migrate", "--yes"]) is Exit.INTERRUPTED
        assert "run the same command again" in capfd.readouterr().err

    def test_a_refused_one_says_why_and_what_is_legal(
        self, playbooks: Playbooks, capfd: pytest.CaptureFixture[str]
    ) -> None:
        result = {
            "msg": "Cannot begin ramp-up: canary is not done.",
            "error": "IllegalTransition",
            "next": "hal9-migrate migrate --phase canary",
        }
        data = {"host": "localhost", "res": result}
        playbooks.events = [{"event": "runner_on_failed", "event_data": data}]
        playbooks.ended = Ended(2, interrupted=False)
        assert run(["migrate", "--yes"]) is Exit.REFUSED
        shown = capfd.readouterr()
        assert shown.err.count("Cannot begin ramp-up") == 1
        assert "Next: hal9-migrate migrate --phase canary" in shown.err
        assert shown.out == ""


class TestBadInput:
    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("migrate --percentage 10 --yes", "add --phase"),
            ("migrate --phase shadw --yes", "shadw"),
            ("migrate --phase canary --percentage 101", "not a percentage"),
            ("migrate --duration 10m --yes", "add --gradual"),
            ("migrate --gradual --duration 10 --yes", "such as 90s, 10m or 2h"),
            ("rollback --to sideways", "is no target"),
            ("rollback --to 25", "is no target"),
            ("rollback --gradual --immediate --yes", "exclude each other"),
            ("state checkpoint ../x", "is no name of a checkpoint"),
            ("-i /nowhere/at/all status", "does not exist"),
            ("-m /nowhere.yml status", "cannot be read"),
            ("frobnicate", "No such command"),
        ],
    )
    def test_is_one_error_and_exit_2(
        self,
        playbooks: Playbooks,
        line: str,
        told: str,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        assert run(line.split()) is Exit.USAGE
        assert told in capfd.readouterr().err
        assert playbooks.plays == []

    def test_a_declaration_without_its_key_names_what_it_has(
        self, playbooks: Playbooks, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "shop.yml"
        file.write_text("name: shop\nsecret: !vault |\n  abc\n")
        assert run(["-m", str(file), "status"]) is Exit.USAGE
        assert "it has: name, secret" in capfd.readouterr().err

    def test_no_inventory_at_all_says_how_to_name_one(
        self,
        playbooks: Playbooks,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.delenv("HAL9_INVENTORY")
        monkeypatch.setenv("ANSIBLE_INVENTORY", str(tmp_path / "absent"))
        assert run(["status"]) is Exit.USAGE
        assert "No inventory was given" in capfd.readouterr().err

    def test_a_reason_of_two_lines_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("HAL9_INVENTORY", "localhost,")
        assert run(["pause", "--reason", "a\nb"]) is Exit.USAGE
        assert "cannot be printed" in capfd.readouterr().err


class TestGlobalOptions:
    @pytest.mark.parametrize("line", ["-i a, -v status", "status -i a, -v"])
    def test_hold_before_and_after_the_verb(
        self, playbooks: Playbooks, line: str
    ) -> None:
        playbooks.documents = {"status.json": situations.not_begun()}
        assert run(line.split()) is Exit.DONE
        settings = playbooks.plays[-1][1]
        assert (settings.inventory, settings.verbosity) == (("a,",), 1)

    def test_the_version_is_the_one_of_galaxy_yml(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["--version"]) is Exit.DONE
        root = Path(__file__).resolve().parents[5]
        number = capfd.readouterr().out.split()[-1]
        assert f"\nversion: {number}\n" in (root / "galaxy.yml").read_text()


class TestStatus:
    @pytest.mark.parametrize("options", ["", "--detailed", "--format table"])
    def test_shows_the_document(
        self, playbooks: Playbooks, options: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        playbooks.documents = {"status.json": situations.in_canary()}
        assert run(["status", *options.split()]) is Exit.DONE
        out = capfd.readouterr().out
        assert "shop" in out
        assert "router2" in out

    def test_json_is_the_document_itself(
        self, playbooks: Playbooks, capfd: pytest.CaptureFixture[str]
    ) -> None:
        playbooks.documents = {"status.json": situations.in_canary()}
        assert run(["--format", "json", "status"]) is Exit.DONE
        assert json.loads(capfd.readouterr().out) == situations.in_canary()

    def test_a_playbook_that_left_no_document_is_an_error(
        self, playbooks: Playbooks, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["status"]) is Exit.ERROR
        assert "left no status.json" in capfd.readouterr().err


class TestPreCheck:
    ITEM = {
        "id": "router.clock",
        "component": "router",
        "host": "router1",
        "observed": "2.1 s off",
        "required": "at most 0.5 s",
        "severity": "blocker",
        "ok": False,
        "remedy": "start chrony",
    }

    def test_red_shows_the_remedy_and_exits_3(
        self, playbooks: Playbooks, capfd: pytest.CaptureFixture[str]
    ) -> None:
        playbooks.documents = {"precheck.json": {"ok": False, "items": [self.ITEM]}}
        assert run(["pre-check", "--components", "router, host"]) is Exit.REFUSED
        assert "start chrony" in capfd.readouterr().out
        asked = playbooks.asked()
        assert asked["hal9_precheck_components"] == ["router", "host"]

    def test_green_exits_0(self, playbooks: Playbooks) -> None:
        fine = {**self.ITEM, "ok": True}
        playbooks.documents = {"precheck.json": {"ok": True, "items": [fine]}}
        assert run(["pre-check", "--deep"]) is Exit.DONE
        assert playbooks.asked() == {"hal9_precheck_deep": True}

    def test_html_goes_to_a_file(self, playbooks: Playbooks, tmp_path: Path) -> None:
        playbooks.documents = {"precheck.json": {"ok": False, "items": [self.ITEM]}}
        page = tmp_path / "page.html"
        line = ["pre-check", "--format", "html", "--output", str(page)]
        assert run(line) is Exit.REFUSED
        assert "start chrony" in page.read_text()


class TestEmergency:
    def test_asks_nothing_and_needs_no_runner(
        self, playbooks: Playbooks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        log = _ansible_playbook_that_ends_with(0, tmp_path, monkeypatch)
        assert run(["rollback", "--emergency"]) is Exit.DONE
        assert playbooks.plays == []
        assert "hal9.migrate.emergency_rollback" in log.read_text()

    @pytest.mark.parametrize(
        ("code", "ended"),
        [(4, Exit.UNREACHABLE), (2, Exit.ERROR), (99, Exit.INTERRUPTED)],
    )
    def test_tells_how_it_ended(
        self,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
        code: int,
        ended: Exit,
    ) -> None:
        _ansible_playbook_that_ends_with(code, tmp_path, monkeypatch)
        assert emergency.run(Settings(("a,",)), "") is ended

    def test_force_falls_back_on_it(
        self, playbooks: Playbooks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        log = _ansible_playbook_that_ends_with(0, tmp_path, monkeypatch)
        playbooks.ended = Ended(2, interrupted=False)
        assert run(["rollback", "--force", "--yes"]) is Exit.DONE
        assert "emergency_rollback" in log.read_text()


def _ansible_playbook_that_ends_with(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    script, log = tmp_path / "ansible-playbook", tmp_path / "log"
    script.write_text(f'#!/bin/sh\necho "$@" > {log}\nexit {code}\n')
    os.chmod(script, 0o755)
    monkeypatch.setattr(playbook, "ansible_playbook", lambda: str(script))
    return log


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_prints_a_script_of_the_shell(
        self, shell: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["completion", shell]) is Exit.DONE
        assert "_HAL9_MIGRATE_COMPLETE" in capfd.readouterr().out


class TestLastResort:
    def test_a_defect_is_one_line(
        self,
        playbooks: Playbooks,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        def broken(*_arguments: Any) -> Ended:
            raise RuntimeError("boom")

        monkeypatch.setattr(playbook, "run", broken)
        assert run(["validate"]) is Exit.ERROR
        shown = capfd.readouterr().err
        assert "RuntimeError: boom" in shown
        assert "Traceback" not in shown
