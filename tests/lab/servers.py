"""The servers of the lab: databases, PgBouncers, shops, routers."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.lab.layout import APPLICATION, DATABASE, ROOT, Lab
from tests.lab.parts import (
    Haproxy,
    PgBouncerServer,
    PostgresCluster,
    RedisServer,
    Server,
)
from tests.lab.parts.places import LOOPBACK

LEGACY_SHOPS = ("legacy1", "legacy2")
NEW_SHOPS = ("new1", "new2", "new3")

SITE = """\
# An ordinary site: one frontend, one backend. The collection adds its own block below.
global
  log stderr local0 warning
defaults
  mode http
  timeout connect 2s
  timeout client 75s
  timeout server 65s
  timeout http-keep-alive 75s
  option idle-close-on-response
  maxconn 2000
frontend shop_in
  bind {host}:{port}
  default_backend {backend}
backend plain_legacy
{servers}
"""


class Shop(Server):
    """One process of the shop."""

    stop_seconds = 10.0

    def __init__(self, lab: Lab, name: str, version: str, bouncer: str) -> None:
        """Say which version it is and through which PgBouncer it works."""
        super().__init__(lab.home / "shops", name)
        self._lab = lab
        self._version = version
        self._bouncer = bouncer

    def command(self) -> list[str]:
        """Python itself."""
        return [sys.executable, "-m", "tests.lab.shop"]

    def environment(self) -> dict[str, str]:
        """What the shop's settings read."""
        words = self._lab.secrets()
        faults = self._lab.faults if self._version == "v2" else Path(os.devnull)
        return {
            **super().environment(),
            "PYTHONPATH": str(ROOT),
            "SHOP_NAME": self.name,
            "SHOP_VERSION": self._version,
            "SHOP_PORT": str(self._lab.port(self.name)),
            "SHOP_DSN": self._lab.application_dsn(self._bouncer),
            "SHOP_FAULTS": str(faults),
            "SHOP_POOL": "4",
            "SHOP_SESSIONS": f"{words['SHOP_LEGACY_SESSIONS']} "
            f"{words['SHOP_NEW_SESSIONS']}",
            "SHOP_UPLOADS": str(self._lab.uploads_link),
        }

    def ready(self) -> bool:
        """Whether it says it is healthy."""
        url = f"http://{LOOPBACK}:{self._lab.port(self.name)}/health"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class LabServers:
    """All servers, described; what runs is found by its records."""

    def __init__(self, lab: Lab) -> None:
        """Describe them."""
        self.lab = lab
        words = lab.secrets()
        self.databases = {
            name: PostgresCluster(
                lab.home / name,
                lab.port(name),
                {"max_connections": "80"},
                name=name,
                superuser_password=words["LAB_SUPERUSER"],
            )
            for name in ("db_legacy", "db_new")
        }
        self.bouncers = {
            name: PgBouncerServer(
                lab.home / name,
                lab.port(name),
                {DATABASE: f"host={LOOPBACK} port={lab.port('db_legacy')}"},
                {APPLICATION: words["LAB_APPLICATION"]},
                admin_password=words["LAB_CONSOLE"],
                settings={"default_pool_size": "12"},
                name=name,
            )
            for name in ("pgb_legacy", "pgb_new")
        }
        self.sessions = {
            name: RedisServer(
                lab.home / name, lab.port(name), words["LAB_SESSIONS"], name=name
            )
            for name in ("redis_legacy", "redis_new")
        }
        self.shops = [Shop(lab, name, "v1", "pgb_legacy") for name in LEGACY_SHOPS]
        self.shops += [Shop(lab, name, "v2", "pgb_new") for name in NEW_SHOPS]
        self.routers = {name: self._router(name) for name in ("router1", "router2")}

    def _router(self, name: str) -> Haproxy:
        home = self.lab.home / name
        return Haproxy(home, home / "haproxy.cfg", name, home / "master.sock")

    def site(self, router: str, backend: str) -> str:
        """The configuration of a router before the collection adds to it."""
        servers = "\n".join(
            f"  server {shop} {LOOPBACK}:{self.lab.port(shop)}" for shop in LEGACY_SHOPS
        )
        port = self.lab.port(router)
        return SITE.format(host=LOOPBACK, port=port, backend=backend, servers=servers)
