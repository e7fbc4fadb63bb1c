"""The emergency rollback with everything away at once that it can do without: journal
(a PostgreSQL server), database and new side down, no metrics, one router out of reach.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.journal_postgres import (
    PostgresJournal,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.journal import (
    Event,
    Position,
)
from tests.bench.beside import PORTS
from tests.bench.site import (
    PLAY_SECONDS,
    BenchRouter,
    BenchSite,
    declaration,
    load,
    site,
)
from tests.lab.parts import PostgresCluster, free_port, scratch_directory, wait_until

UNREACHABLE = 6
"""The command's documented exit code."""

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="hosts of its own need root"),
    pytest.mark.timeout(400),
]


class SocketPostgres(PostgresCluster):
    """One that a controller in a network of its own reaches: by a socket."""

    def journal_dsn(self) -> str:
        """How the journal is reached."""
        return f"host={self.directory} port={self.port} user=postgres dbname=postgres"


@pytest.fixture
def journal() -> Iterator[SocketPostgres]:
    with scratch_directory("hal9-pg-") as directory:
        at = directory / "pg"
        settings = {"unix_socket_directories": str(at), "fsync": "off"}
        cluster = SocketPostgres(at, free_port(), settings)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.kill()


@pytest.fixture
def made(
    journal: SocketPostgres, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BenchSite]:
    """Two routers with every user on new, by a step that the journal has."""
    monkeypatch.setenv("JOURNAL_DSN", journal.journal_dsn())
    canary = {"gates": {"error_rate": "<= 50%"}, "soak": "1s", "steps": ["90%"]}
    with scratch_directory("hal9-away-") as directory:
        changes = {
            "journal": {
                "backend": "postgresql",
                "path": str(directory / "journal"),
                "dsn": {"env": "JOURNAL_DSN"},
            },
            "phases": {"canary": canary, "ramp_up": {"steps": ["95%"]}},
            "lease": "1h",
            "sides": patient_sides(),
            "guard": {"failures": 100_000},
        }
        with site(directory, 2, **changes) as routers, load(routers, users=1):
            here = {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
            }
            inventory = json.loads(routers.inventory.read_text())
            coordinator = inventory["all"]["children"]["hal9_coordinator"]
            coordinator["hosts"]["localhost"] = here
            routers.inventory.write_text(json.dumps(inventory))
            code, said = command(routers, "migrate", "--phase", "canary", "--yes")
            assert code == 0, said
            yield routers


def patient_sides() -> dict[str, object]:
    """Return sides that no router takes for dead within the test: else the guard would
    do what the emergency is to do.
    """
    sides: dict[str, dict[str, object]] = declaration(Path("/nonexistent"))["sides"]
    health = {"path": "/health", "interval": "60s"}
    return {name: {**side, "health": health} for name, side in sides.items()}


def command(made: BenchSite, *words: str) -> tuple[int, str]:
    """Give a command; return its exit code and all that it said."""
    running = made.start("hal9-migrate", *words)
    output, _unused = running.communicate(timeout=PLAY_SECONDS)
    return running.returncode, output + (made.scratch / "errors.log").read_text()


@contextmanager
def no_ssh(router: BenchRouter) -> Iterator[None]:
    """Let the host's sshd take connections and say nothing; all else goes on there."""
    os.kill(router.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(router.pid, signal.SIGCONT)


@contextmanager
def new_is_down(made: BenchSite) -> Iterator[None]:
    """Let no router reach a server of new."""
    ports = [port for name, port in PORTS.items() if name.startswith("new")]
    rule = ["dport", f"{min(ports)}-{max(ports)}", "prohibit"]
    for router in made.routers:
        router.run("ip", "rule", "add", *rule)
    try:
        yield
    finally:
        for router in made.routers:
            router.run("ip", "rule", "del", *rule)


def sides_seen(made: BenchSite) -> dict[str, str]:
    """Return the side that the user of each router sees now, by the router's name."""
    lines = (made.scratch / "users.log").read_text().rpartition("\n")[0].splitlines()
    last = {address: side for _at, address, side in map(str.split, lines)}
    return {each.name: last[each.host.address] for each in made.routers}


def everybody_sees(made: BenchSite, side: str) -> None:
    wait_until(lambda: set(sides_seen(made).values()) == {side}, 15, f"users on {side}")


def kept(journal: SocketPostgres) -> tuple[Position, list[Event], tuple[str, ...]]:
    """Return what the journal says, and what is wrong with it."""
    opened = PostgresJournal.open(journal.dsn())
    try:
        events = list(opened.events("shop"))
        return opened.position("shop"), events, opened.problems("shop", [])
    finally:
        opened.close()


def test_users_are_off_new_and_each_line_is_true(
    made: BenchSite, journal: SocketPostgres
) -> None:
    reached, covered = made.routers
    everybody_sees(made, "new")
    journal.stop()
    with no_ssh(covered):
        with new_is_down(made):
            code, said = command(made, "rollback", "--emergency")
            assert reached.is_tripped_for_good(), said
            assert tripped_by(covered) == {"operator"}, said
        # New answers again; what keeps users off it now is what the command did.
        everybody_sees(made, "legacy")
    assert code == UNREACHABLE, said
    line = " ".join(said.split())
    assert (
        "1 of 2 routers are tripped and read back (r01); they tell the others." in line
    )
    assert "Out of reach: r02." in line
    assert "The journal could not be told" in line
    assert "The journal has it" not in line
    assert (
        "Some hosts could not be reached; a router that was tells the others." in line
    )
    journal.start()
    it_is_recorded_by_the_next_command(made, journal)


def tripped_by(router: BenchRouter) -> set[str | None]:
    """Return who has tripped the router, as each of its workers knows it."""
    return {state.trip for state in router.workers.read()}


def it_is_recorded_by_the_next_command(
    made: BenchSite, journal: SocketPostgres
) -> None:
    position, _before, _unused = kept(journal)
    assert position.share == 9000
    code, said = command(made, "rollback", "--to", "zero", "--yes")
    assert code == 0, said
    position, events, problems = kept(journal)
    assert (position.share, problems) == (0, ())
    kinds = [event.kind for event in events]
    assert kinds[-3:] == ["adopted", "tripped", "rolled_back"], kinds
    for router in made.routers:
        states = router.workers.read()
        assert {(each.trip, each.kept.share) for each in states} == {("operator", 0)}
    everybody_sees(made, "legacy")
