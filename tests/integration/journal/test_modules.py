# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules by real playbooks: inside the controller, and as modules of their own."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.journal.conftest import PASSWORD, ROOT
from tests.unit.builders import shop_declaration

Task = dict[str, Any]
CANARY: Task = {"phase": "canary", "step": 0}
PASS: Task = {"evidence": {"verdict": "pass"}}


class Site:
    """A coordinator and its journal, spoken to by ansible-playbook."""

    def __init__(self, directory: Path, journal: Mapping[str, Any]) -> None:
        self.directory = directory
        declaration = shop_declaration(journal=dict(journal))
        del declaration["shadow"], declaration["phases"]["shadow"]
        self.declaration = declaration
        self.secrets: dict[str, str] = {}
        self.told = ""

    def play(self, *tasks: Task, options: tuple[str, ...] = ()) -> list[Task]:
        """Run a play of our modules and return what each task said."""
        play = self.directory / "play.json"
        whole = [
            {
                "hosts": "all",
                "gather_facts": False,
                "tasks": list(map(self.task, tasks)),
            }
        ]
        play.write_text(json.dumps(whole))
        playbook = Path(sys.executable).with_name("ansible-playbook")
        command = [str(playbook), "-i", "here,", "-c", "local", *options, str(play)]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
                "ANSIBLE_HOME": str(self.directory / "home"),
                "HAL9_TEST_RESULTS": str(self.directory / "results.jsonl"),
                "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callbacks"),
                "ANSIBLE_CALLBACKS_ENABLED": "results_to_file",
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.told = done.stdout + done.stderr
        return self.results()

    def task(self, task: Task) -> Task:
        """Return a task with the declaration and a Python to run it."""
        name, arguments = next(iter(task.items()))
        plain = {"migration": self.declaration, "secrets": self.secrets, **arguments}
        python = {"ansible_python_interpreter": sys.executable}
        extra = {key: value for key, value in task.items() if key != name}
        module = f"hal9.migrate.{name}"
        return {module: plain, "vars": python, "ignore_errors": True, **extra}

    def results(self) -> list[Task]:
        """Return what the tasks of the last play said."""
        file = self.directory / "results.jsonl"
        assert file.exists(), self.told
        lines = file.read_text().splitlines()
        file.unlink()
        return [json.loads(line) for line in lines]

    def ask(self, **arguments: Any) -> Task:
        """Return the facts that `phase_info` gives."""
        return self.play({"phase_info": arguments})[0]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, {"backend": "sqlite", "path": str(tmp_path / "j" / "j.db")})


@pytest.fixture
def shared_site(tmp_path: Path, empty_database: str) -> Site:
    place = {"path": str(tmp_path / "journal"), "dsn": {"env": "JOURNAL_DSN"}}
    found = Site(tmp_path, {"backend": "postgresql", **place})
    found.secrets = {"env:JOURNAL_DSN": empty_database}
    return found


def begin(**more: Any) -> Task:
    return {"phase": {"state": "begin", **CANARY, **more}}


def commit(**more: Any) -> Task:
    return {"phase": {"state": "commit", **CANARY, **PASS, **more}}


BAD_INPUT: tuple[tuple[Task, str], ...] = (
    ({"state": "begun"}, "state"),
    ({"state": "begin"}, "phase"),
    ({"state": "begin", "phase": "canary", "step": 9}, "step 9"),
    ({"state": "begin", **CANARY, "share": 700}, "700"),
    ({"state": "begin", **CANARY, "run": "me"}, "'me'"),
    ({"state": "switched"}, "authority"),
    ({"state": "rolled_back", "share": 10_001}, "10001"),
    ({"state": "rolled_back", "share": 1, "target": "zero"}, "exclude"),
    ({"state": "begin", **CANARY, "observed": [{"x": 1}]}, "router reading"),
)


class TestPhase:
    def test_checks_applies_leaves_alone_and_reads_back(self, site: Site) -> None:
        checked = site.play(begin(), commit(), options=("--check",))
        assert [r["changed"] for r in checked] == [True, True]
        assert checked[0]["epoch"] == 1
        assert not (site.directory / "j").exists()

        done = site.play(begin(), commit(), options=("--diff",))
        assert [r["changed"] for r in done] == [True, True]
        assert (done[0]["epoch"], done[0]["share"], done[0]["skip"]) == (1, 500, False)
        assert done[0]["lock"]["holder"] == done[0]["position"]["intent"]["run"]
        assert done[1]["head"]["sequence"] == 2
        assert done[1]["diff"]["after"]["phase"] == "canary"

        again = site.play(begin(), commit())
        assert [r["changed"] for r in again] == [False, False]
        assert [r["skip"] for r in again] == [True, True]

        facts = site.ask()
        assert facts["position"]["phase"] == "canary"
        assert (facts["lock"], facts["problems"]) == (None, [])
        assert facts["next"] == "hal9-migrate migrate --phase canary --percentage 25"
        assert [step["done"] for step in facts["plan"]] == [True] + [False] * 5

    def test_names_the_run_after_the_playbook(self, site: Site) -> None:
        first, second = site.play(begin(), begin())
        assert (first["changed"], second["changed"]) == (True, False)
        assert second["skip"] is False
        assert second["epoch"] == first["epoch"]

    def test_of_a_dead_playbook_is_taken_over_at_once(self, site: Site) -> None:
        first = site.play(begin())[0]
        second = site.play(begin())[0]
        assert second["epoch"] == first["epoch"] + 1
        assert second["lock"]["holder"] != first["lock"]["holder"]
        assert second["lock"]["token"] == first["lock"]["token"] + 1

    def test_of_another_host_is_refused_with_who_since_and_until(
        self, site: Site
    ) -> None:
        refused = site.play(begin(run="eve@elsewhere:1:1"), begin())[1]
        assert refused["failed"]
        assert refused["msg"].startswith("shop is held by eve@elsewhere:1:1 since 20")
        assert refused["holder"] == "eve@elsewhere:1:1"

    def test_that_is_not_legal_is_refused_with_the_next_command(
        self, site: Site
    ) -> None:
        refused = site.play({"phase": {"state": "begin", "phase": "full", "step": 0}})[
            0
        ]
        assert refused["failed"]
        assert refused["next"] == "hal9-migrate migrate --phase canary --percentage 5"

    def test_in_check_mode_can_walk_the_whole_plan(self, site: Site) -> None:
        tasks = [
            {"phase": {"state": state, "phase": p, "step": s, "assume_earlier": True}}
            for p, s in (("canary", 0), ("canary", 1), ("ramp_up", 0), ("full", 0))
            for state in ("begin", "commit")
        ]
        results = site.play(*tasks, options=("--check",))
        assert len(results) == len(tasks)
        assert [r["failed"] for r in results] == [False] * len(tasks)
        assert not (site.directory / "j").exists()

    def test_needs_the_verdict_to_commit(self, site: Site) -> None:
        refused = site.play(begin(), commit(evidence={"verdict": "hold"}))[1]
        assert refused["failed"]
        assert "verdict is hold" in refused["msg"]

    def test_goes_back_pauses_and_goes_on(self, site: Site) -> None:
        back, paused, refused = site.play(
            begin(),
            {"phase": {"state": "rolled_back", "target": "zero", "reason": "why"}},
            {"phase": {"state": "pause", "reason": "lunch"}},
            begin(),
        )[1:]
        assert (back["share"], back["epoch"]) == (0, 2)
        assert paused["position"]["paused"]
        assert refused["next"] == "hal9-migrate resume"
        assert [e["kind"] for e in site.ask()["events"]] == [
            "step_begun",
            "rolled_back",
            "paused",
        ]

    @pytest.mark.skipif(os.geteuid() != 0, reason="another user needs root")
    def test_does_the_same_as_a_module(self, site: Site) -> None:
        become = {"become": True, "become_method": "su"}
        begun, committed = site.play({**begin(), **become}, {**commit(), **become})
        assert (begun["epoch"], begun["skip"]) == (1, False)
        assert committed["position"]["phase"] == "canary"
        assert begun["lock"]["holder"] == begun["position"]["intent"]["run"]
        facts = site.play({"phase_info": {}, **become})[0]
        assert facts["position"] == committed["position"]

    def test_tells_bad_input_in_one_message_each(self, site: Site) -> None:
        refused = site.play(*({"phase": arguments} for arguments, _unused in BAD_INPUT))
        for told, (arguments, named) in zip(refused, BAD_INPUT, strict=True):
            assert told["failed"], arguments
            assert named in told["msg"]
        assert "Traceback" not in site.told


class TestSharedJournal:
    def test_works_the_same_and_never_shows_the_password(
        self, shared_site: Site
    ) -> None:
        secret = f"contains {PASSWORD} by mistake"
        said = shared_site.play(
            begin(),
            commit(evidence={"verdict": "pass", "reasons": [secret]}),
            {"event": {"body": {"text": secret}}},
            {"checkpoint": {"name": "a", "body": {"x": secret}}},
            {"checkpoint_info": {}},
            {"phase_info": {}},
            options=("-vvv", "--diff"),
        )
        assert [r["failed"] for r in said] == [False] * 6
        assert said[5]["position"]["phase"] == "canary"
        assert said[5]["events"][1]["body"]["evidence"]["reasons"] == [
            "contains ******** by mistake"
        ]
        assert PASSWORD not in json.dumps(said)
        assert PASSWORD not in shared_site.told

    def test_without_its_secret_is_refused(self, shared_site: Site) -> None:
        shared_site.secrets = {}
        refused = shared_site.play(begin())[0]
        assert "env:JOURNAL_DSN" in refused["msg"]


class TestLostEnd:
    """Of either journal, below the modules."""

    def cut(self, site: Site, database: str) -> None:
        if not database:
            path = str(site.directory / "j" / "j.db")
            with closing(sqlite3.connect(path)) as journal:
                journal.execute("DROP TRIGGER events_never_vanish")
                journal.execute("DELETE FROM events WHERE sequence = 3")
                journal.commit()
            return
        with psycopg.connect(database) as journal:
            journal.execute("ALTER TABLE hal9_journal.events DISABLE TRIGGER ALL")
            journal.execute("DELETE FROM hal9_journal.events WHERE sequence = 3")

    @pytest.mark.parametrize("kind", ["site", "shared_site"])
    def test_is_named_and_taken_in_by_a_rollback_alone(
        self, request: pytest.FixtureRequest, kind: str
    ) -> None:
        site: Site = request.getfixturevalue(kind)
        back: Task = {"phase": {"state": "rolled_back", "target": "zero"}}
        pause: Task = {"phase": {"state": "pause", "reason": "lunch"}}
        assert [r["failed"] for r in site.play(begin(), commit(), pause)] == [False] * 3
        self.cut(site, site.secrets.get("env:JOURNAL_DSN", ""))
        named = ["the journal ends at event 2, but event 3 was written"]
        told = site.ask()
        assert [text.split(":")[0] for text in told["problems"]] == named
        assert told["next"] == "hal9-migrate rollback"

        onwards: Task = {"phase": {"state": "begin", "phase": "canary", "step": 1}}
        assert named[0] in site.play(onwards)[0]["msg"]
        assert site.play(back, options=("--check",))[0]["changed"]
        assert site.ask()["problems"] != []

        assert site.play(back)[0]["changed"]
        told = site.ask()
        assert told["problems"] == []
        assert [e["kind"] for e in told["events"]][2:] == ["adopted", "rolled_back"]
        assert not site.play(back)[0]["changed"]
        assert not site.play(begin())[0]["failed"]


class TestEventAndCheckpoint:
    def test_are_written_once(self, site: Site) -> None:
        tasks = (
            {"event": {"kind": "sign_off", "body": {"by": "eve"}}},
            {"checkpoint": {"name": "before", "body": {"flags": {"x": "on"}}}},
        )
        checked = site.play(*tasks, options=("--check",))
        assert [r["changed"] for r in checked] == [True, True]
        assert not (site.directory / "j").exists()
        assert [r["changed"] for r in site.play(*tasks)] == [True, True]
        assert [r["changed"] for r in site.play(*tasks)] == [False, False]
        listed = site.play({"checkpoint_info": {}})[0]["checkpoints"]
        assert [(c["name"], c["sequence"]) for c in listed] == [("before", 1)]

    def test_a_checkpoint_with_other_content_is_refused(self, site: Site) -> None:
        refused = site.play(
            {"checkpoint": {"name": "a", "body": {"x": 1}}},
            {"checkpoint": {"name": "a", "body": {"x": 2}}},
        )[1]
        assert "never changed" in refused["msg"]


class TestPhaseInfo:
    def test_names_the_steps_asked_for(self, site: Site) -> None:
        asked: tuple[Task, ...] = ({}, {"percentage": 25}, {"percentage": 30})
        canary, one, none = site.play(
            *({"phase_info": {"phase": "canary", **more}} for more in asked)
        )
        assert len(canary["remaining"]) == 3
        assert [step["title"] for step in one["remaining"]] == ["canary 25%"]
        assert none["failed"]
        assert "30%" in none["msg"]
