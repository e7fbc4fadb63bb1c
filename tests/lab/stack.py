"""The lab brought up and down, both safe to repeat."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from psycopg import sql

from tests.lab.layout import APPLICATION, DATABASE, ROOT, Lab
from tests.lab.parts import Haproxy, PostgresCluster, end_recorded
from tests.lab.parts.places import own_directory
from tests.lab.seed import fill, lay_out
from tests.lab.servers import LabServers

INVENTORY = ROOT / "inventories" / "lab"
PIDFILE = "master.pid"


class LabProblem(Exception):
    """The lab cannot do what was asked; the message says why and what to do."""


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def up(lab: Lab, seed: int) -> LabServers:
    """Bring everything up, fresh; what a run before has left is ended first.

    Everything that takes time is done side by side: a small machine has two cores.
    """
    down(lab)
    _refuse_busy(lab)
    lab.make_secrets()
    lab.home.mkdir(parents=True, exist_ok=True)
    lab.home.chmod(0o711)
    servers = LabServers(lab)
    say("lab: databases, shops and routers, side by side")
    side_by_side(
        lambda: _start_sides(servers, seed),
        lambda: _start_routers(servers),
    )
    side_by_side(*(partial(_lead_to_migration, r) for r in servers.routers.values()))
    return servers


def side_by_side(*tasks: Callable[[], object]) -> None:
    """Do all at once and return when all are done; raise what the first one raised."""
    with ThreadPoolExecutor(len(tasks)) as pool:
        for future in [pool.submit(task) for task in tasks]:
            future.result()


def _start_sides(servers: LabServers, seed: int) -> None:
    """Start databases and PgBouncers, then the shops, which need them."""
    databases = servers.databases
    side_by_side(
        lambda: _start_database(databases["db_legacy"], servers.lab, seed),
        lambda: _start_database(databases["db_new"], servers.lab, None),
        *(bouncer.start for bouncer in servers.bouncers.values()),
        *(server.start for server in servers.sessions.values()),
        lambda: lay_out(servers.lab, seed),
    )
    side_by_side(*(shop.start for shop in servers.shops))


def _start_routers(servers: LabServers) -> None:
    """Start an ordinary site, and let the collection prepare it."""
    routers = servers.routers.values()
    side_by_side(*(partial(_start_router, servers, router) for router in routers))
    _install(servers.lab, "routers")


def down(lab: Lab, *, keep_records: bool = False) -> None:
    """End everything of the lab by its own pid and remove its files."""
    _end_comparator(lab)
    for directory in dict.fromkeys((lab.home, lab.records)):
        if directory.exists():
            end_recorded(directory)
    if lab.home != lab.records:
        shutil.rmtree(lab.home, ignore_errors=True)
    if not keep_records:
        shutil.rmtree(lab.records, ignore_errors=True)


def _end_comparator(lab: Lab) -> None:
    """End what the playbook started, by its own command."""
    program = lab.home / "shadow" / "hal9-comparator"
    settings = program.with_name("comparator.json")
    if program.exists() and settings.exists():
        command = [sys.executable, str(program), "stop", "--config", str(settings)]
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=30, check=True)


def describe(lab: Lab) -> str:
    """What runs where."""
    lines = [
        f"routers    http://127.0.0.1:{lab.port('router1')} and :{lab.port('router2')}",
        f"legacy     shop v1 on {lab.port('legacy1')} and {lab.port('legacy2')}",
        f"new        shop v2 on {lab.port('new1')} to {lab.port('new3')}",
        f"databases  legacy {lab.port('db_legacy')}, new {lab.port('db_new')}, "
        f"PgBouncer {lab.port('pgb_legacy')} and {lab.port('pgb_new')}, "
        f"Redis {lab.port('redis_legacy')} and {lab.port('redis_new')}",
        f"uploads    {lab.uploads_link}, a link to the tree that is written",
        f"commands   . {os.path.relpath(lab.environment_file, ROOT)}; "
        ".venv/bin/hal9-migrate -i inventories/lab status",
    ]
    return "\n".join(lines)


def _refuse_busy(lab: Lab) -> None:
    busy = lab.busy_ports()
    if busy:
        raise LabProblem(
            f"The lab needs ports that somebody listens on: {', '.join(busy)}. Nothing "
            "was started. End what listens there, or give another base: "
            f"`.venv/bin/python -m tests.lab VERB --base-port {lab.base_port + 1000}`."
        )


def _start_database(server: PostgresCluster, lab: Lab, seed: int | None) -> None:
    """Start it with role and database; with a seed the schema and rows too."""
    server.start()
    password = sql.Literal(lab.secrets()["LAB_APPLICATION"]).as_string()
    server.sql(f"CREATE ROLE {APPLICATION} LOGIN PASSWORD {password}")
    # Not on the command line: the switch could not quicken it for its duration then.
    server.sql("ALTER SYSTEM SET wal_retrieve_retry_interval = '1s'")
    server.sql("SELECT pg_reload_conf()")
    server.sql(f"CREATE DATABASE {DATABASE}")
    if seed is not None:
        fill(server, seed)


def _start_router(servers: LabServers, router: Haproxy) -> None:
    own_directory(router.directory, None)
    router.write(servers.site(router.name, "plain_legacy"))
    router.start()
    (router.directory / PIDFILE).write_text(f"{router.pid}\n")


def _install(lab: Lab, playbook: str) -> None:
    """Run a playbook of the collection as its user would."""
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [str(program), "-i", str(INVENTORY), f"hal9.migrate.{playbook}"],
        cwd=ROOT,
        env={**lab.environment(), "ANSIBLE_HOME": str(ROOT / ".ansible")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise LabProblem(f"{playbook} failed:\n{done.stdout}\n{done.stderr}")


def _lead_to_migration(router: Haproxy) -> None:
    """Do the one thing that is left to an operator: let the frontend lead to our
    backend.
    """
    text = router.config.read_text()
    router.write(
        text.replace("default_backend plain_legacy", "default_backend hal9_shop")
    )
    router.reload()
