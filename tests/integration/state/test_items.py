"""Two items of one migration: one does not move, forward, and on the way back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.state.bed import Shop, writers
from tests.integration.state.modules import ROOT
from tests.integration.state.piece_redis import RedisPiece
from tests.lab.parts import scratch_directory

COMMON = {
    "migration": "{{ declared }}",
    "secrets": "{{ lookup('hal9.migrate.secrets', declared) }}",
}
LOOK: dict[str, Any] = {"hal9.migrate.phase_info": COMMON, "register": "looked"}
BACK: dict[str, Any] = {
    "ansible.builtin.include_role": {
        "name": "hal9.migrate.rollback",
        "tasks_from": "state.yml",
    },
    "vars": {"rollback_migration": "{{ declared }}"},
}


@dataclass(frozen=True)
class Site:
    """Sessions in Redis, orders in PostgreSQL, a journal, and who runs playbooks."""

    shop: Shop
    redis: RedisPiece
    directory: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """The secrets that the declaration refers to."""
        given = {
            name.removeprefix("env:"): value
            for name, value in self.shop.secrets.items()
            if name.startswith("env:")
        }
        site = self.redis.site
        return {**given, "S_LEGACY": site.legacy, "S_NEW": site.new}

    @property
    def variables(self) -> dict[str, Any]:
        """What a playbook gets."""
        sessions = {
            "name": "sessions",
            "engine": "redis",
            "host": "localhost",
            "legacy": {"env": "S_LEGACY"},
            "new": {"env": "S_NEW"},
        }
        declared = self.shop.declaration
        return {
            **dict(self._consoles()),
            "declared": {
                **declared,
                "state": [sessions, *declared["state"]],
                "journal": {"backend": "sqlite", "path": str(self.directory / "j.db")},
            },
            "hal9_state_directory": str(self.directory / "state"),
            "ansible_python_interpreter": sys.executable,
        }

    def _consoles(self) -> list[tuple[str, str]]:
        found = self.shop.secrets.items()
        return [(n.removeprefix("var:"), v) for n, v in found if n.startswith("var:")]

    def replicate(self, item: str, **options: Any) -> dict[str, Any]:
        """Bring one item to a state."""
        place = {"item": item, "directory": "{{ hal9_state_directory }}"}
        return {"hal9.migrate.replication": {**COMMON, **place, **options}}

    def move(self, item: str) -> list[dict[str, Any]]:
        """Switch one item to new, and record it, as the role state does."""
        switch = self.replicate(item, state="switched", authority="new")
        record = {"state": "switched", "authority": "new", "evidence": {"item": item}}
        return [switch, {"hal9.migrate.phase": {**COMMON, **record}}]

    def play(self, *tasks: dict[str, Any]) -> tuple[int, str, list[Any]]:
        """Run tasks, then look; return code, what was said, and what is known."""
        said = self.directory / "looked.json"
        said.unlink(missing_ok=True)
        keep = {"content": "{{ looked.position | to_json }}", "dest": str(said)}
        kept = {"ansible.builtin.copy": {**keep, "mode": "0600"}}
        block = {"block": list(tasks), "always": [LOOK, kept]}
        book = self.directory / "book.yml"
        play = {"hosts": "localhost", "gather_facts": False, "tasks": [block]}
        book.write_text(json.dumps([play]))
        given = self.directory / "given.json"
        given.write_text(json.dumps(self.variables))
        program = str(Path(sys.executable).parent / "ansible-playbook")
        done = subprocess.run(
            [program, str(book), "-i", "localhost,", "-c", "local", "-e", f"@{given}"],
            cwd=ROOT,
            env={
                **os.environ,
                **self.environment,
                "ANSIBLE_HOME": str(ROOT / ".ansible"),
            },
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        printed = done.stdout + done.stderr
        assert said.exists(), printed
        position = json.loads(said.read_text())
        return done.returncode, printed, [position["authority"], position["on_new"]]


@contextmanager
def prepared(shop: Shop, side: Any) -> Iterator[None]:
    """Hold a prepared transaction, which stands against any switch."""
    with psycopg.connect(shop.application(side), autocommit=True) as held:
        held.execute("BEGIN")
        held.execute("INSERT INTO labels VALUES ('held', '')")
        held.execute(f"PREPARE TRANSACTION '{shop.name}'")
        yield
        held.execute(f"ROLLBACK PREPARED '{shop.name}'")


@pytest.fixture
def site(shop: Shop, tmp_path: Path) -> Iterator[Site]:
    """Both items, not linked."""
    with scratch_directory("hal9-it-") as directory:
        redis = RedisPiece(directory / "redis")
        try:
            yield Site(shop, redis, tmp_path)
        finally:
            redis.remove()
            shop.unlink()


@pytest.mark.timeout(900)
class TestOneOfTwo:
    """What has moved is known by name; both commands go on from there."""

    def test_it_goes_back_and_it_goes_on(self, site: Site) -> None:
        shop = site.shop
        links = [
            site.replicate(item, state="linked", wait_seconds=60)
            for item in ("sessions", "orders")
        ]
        code, said, known = site.play(*links)
        assert (code, known) == (0, ["legacy", []]), said
        both = [*site.move("sessions"), *site.move("orders")]
        with writers(shop) as running:
            with prepared(shop, "legacy"):
                code, said, known = site.play(*both)
            assert (code, known) == (2, ["new", ["sessions"]]), said
            assert "1 are prepared" in said

            code, said, known = site.play(BACK)
            assert (code, known) == (0, ["legacy", []]), said
            assert site.redis.engine.lag().authority == "legacy"

            code, said, known = site.play(*both)
            assert (code, known) == (0, ["new", ["sessions", "orders"]]), said

            with prepared(shop, "new"):
                code, said, known = site.play(BACK)
            assert (code, known) == (2, ["new", ["orders"]]), said
            assert "orders could not be brought back" in said
            assert site.redis.engine.lag().authority == "legacy"

            code, said, known = site.play(BACK)
            assert (code, known) == (0, ["legacy", []]), said
        assert [writer.failed for writer in running] == [[], []]
        texts = set().union(*(writer.texts for writer in running))
        assert texts - shop.notes("legacy") == set()
        assert shop.read().authority == "legacy"
