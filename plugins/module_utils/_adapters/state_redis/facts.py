# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one Redis server shows to the readiness items; nothing is changed there."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.server import (
    Server,
    text,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.site import (
    RedisSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state import other
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_redis import (
    RedisFacts,
)

NEEDED = (
    ("CONFIG", "REWRITE"),
    ("REPLICAOF", "NO", "ONE"),
    ("FAILOVER",),
    ("SCAN", "0"),
    ("EVAL", "return 1", "0"),
)


def facts_of(site: RedisSite, side: Side, server: Server) -> RedisFacts:
    """Return the facts of one side."""
    about, memory = server.info("server"), server.info("memory")
    version = tuple(int(part) for part in about["redis_version"].split(".")[:3])
    return RedisFacts(
        side=side,
        version=version,
        mode=about.get("redis_mode", "standalone"),
        keys=keys_of(server),
        used_memory=int(memory.get("used_memory", "0")),
        maxmemory=int(server.setting("maxmemory") or "0"),
        policy=server.setting("maxmemory-policy"),
        databases=int(server.setting("databases") or "0"),
        durable=server.setting("appendonly") == "yes" or bool(server.setting("save")),
        config_file=about.get("config_file", ""),
        replica_read_only=server.setting("replica-read-only") == "yes",
        modules=_modules(server),
        sentinels=_sentinels(server),
        other_login=_other_login(site, side),
        denied=_denied(server, version),
        users=_users(server),
    )


def databases_of(server: Server) -> dict[int, int]:
    """Return the databases that have keys, and how many."""
    found = {}
    for name, counts in server.info("keyspace").items():
        number = dict(pair.split("=") for pair in counts.split(","))["keys"]
        found[int(name.removeprefix("db"))] = int(number)
    return found


def keys_of(server: Server) -> int:
    """Return how many keys a server has in all databases."""
    return sum(databases_of(server).values())


def _modules(server: Server) -> tuple[str, ...]:
    lines = text(server.ask("INFO", "modules")).splitlines()
    names = (line for line in lines if line.startswith("module:name="))
    return tuple(sorted(line.partition("=")[2].partition(",")[0] for line in names))


def _users(server: Server) -> tuple[tuple[str, str], ...]:
    """Return each user with its rules, which hold only hashes of passwords."""
    lines = (text(line) for line in server.ask("ACL", "LIST"))
    return tuple(sorted((line.split(" ")[1], line) for line in lines))


def _sentinels(server: Server) -> int:
    lines = text(server.ask("CLIENT", "LIST")).splitlines()
    return sum(" name=sentinel-" in line and "-cmd " in line for line in lines)


def _denied(server: Server, version: tuple[int, ...]) -> tuple[str, ...]:
    """Return what our user may not do there, where the server can be asked (7.0)."""
    if version < (7, 0):
        return ()
    user = text(server.ask("ACL", "WHOAMI"))
    asked = [("ACL", "DRYRUN", user, *words) for words in NEEDED]
    answers = (text(server.ask(*words)) for words in asked)
    return tuple(words[0] for words, answer in zip(NEEDED, answers) if answer != "OK")


def _other_login(site: RedisSite, side: Side) -> str:
    """Return why the other server could not log in to a side; empty when it can."""
    login = site.source_of(other(side))
    parts = urlsplit(site.url(side))
    host = parts.netloc.rpartition("@")[2]
    who = f"{quote(login.user, safe='')}:{quote(login.password, safe='')}@"
    url = parts._replace(netloc=(who if login.password else "") + host).geturl()
    try:
        with Server(f"{side} Redis", url, site.secrets) as server:
            server.ask("PING")
            return _replicates(server, login.user or "default")
    except MigrateError as error:
        return str(error)


def _replicates(server: Server, user: str) -> str:
    version = server.info("server")["redis_version"]
    if int(version.split(".")[0]) < 7:
        return ""
    try:
        answer = text(server.ask("ACL", "DRYRUN", user, "PSYNC", "?", "-1"))
    except MigrateError:
        return ""  # not told to this user: the link itself will show
    return "" if answer == "OK" else answer
