# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to one Redis server: bounded, errors free of secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    HAS_REDIS = True
except ImportError:
    HAS_REDIS = False

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_redis.site import (
    RedisSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
    Unreachable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_redis import (
    FENCED,
)

ANSWER_SECONDS = 10.0
NAME = "hal9"


class Server:
    """One server; nothing is tried twice, and answers are as they came."""

    def __init__(
        self, what: str, url: str, secrets: Sequence[str], database: int = 0
    ) -> None:
        require_redis()
        self.what, self._secrets = what, secrets
        pool = redis.ConnectionPool.from_url(
            url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=5.0,
            client_name=NAME,
            retry=Retry(NoBackoff(), 0),
        )
        pool.connection_kwargs["db"] = database
        self._client: Any = redis.Redis(connection_pool=pool)
        self._client.response_callbacks.clear()

    def __enter__(self) -> Server:  # noqa: PYI034  (Self is 3.11)
        return self

    def __exit__(self, *_unused: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._client.connection_pool.disconnect()

    def ask(self, *words: Any) -> Any:
        """Return the answer to one command."""
        with self.explained():
            return self._client.execute_command(*words)

    def ask_all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the answers to commands that were sent together."""
        return self._sent(commands, transaction=False)

    def at_once(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the answers to commands between which nobody else is served."""
        return self._sent(commands, transaction=True)

    def _sent(
        self, commands: Sequence[Sequence[Any]], *, transaction: bool
    ) -> list[Any]:
        with self.explained(), self._client.pipeline(transaction=transaction) as pipe:
            for words in commands:
                pipe.execute_command(*words)
            return list(pipe.execute())

    def is_still(self, key: bytes, act: Callable[[], bool]) -> tuple[bool, bool]:
        """Return what the act found, and whether nobody wrote the key meanwhile."""
        with self.explained(), self._client.pipeline(transaction=True) as pipe:
            pipe.execute_command("WATCH", key)
            found = act()
            pipe.multi()
            pipe.execute_command("PING")
            try:
                pipe.execute()
            except redis.WatchError:
                return found, False
            return found, True

    def info(self, section: str) -> dict[str, str]:
        """Return one section of INFO."""
        lines = text(self.ask("INFO", section)).splitlines()
        pairs = (line.partition(":") for line in lines if not line.startswith("#"))
        return {name: value.strip() for name, _unused, value in pairs if name}

    def setting(self, name: str) -> str:
        """Return one setting; empty when the server does not know it."""
        answer = self.ask("CONFIG", "GET", name)
        flat = (
            [each for pair in answer.items() for each in pair]
            if isinstance(answer, dict)
            else list(answer)
        )
        return text(flat[1]) if len(flat) > 1 else ""

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise what goes wrong as MigrateError, without any secret."""
        try:
            yield
        except (redis.ConnectionError, redis.TimeoutError) as error:
            raise Unreachable(f"{self.what}: {self._cleaned(error)}") from None
        except redis.RedisError as error:
            raise MigrateError(f"{self.what}: {self._cleaned(error)}") from None

    def _cleaned(self, error: Exception) -> str:
        line = " ".join(str(error).split())
        for secret in sorted(self._secrets, key=len, reverse=True):
            line = line.replace(secret, "(hidden)")
        return line


def require_redis() -> None:
    """Raise DependencyMissing when the library is not there."""
    if not HAS_REDIS:
        raise DependencyMissing(
            "The Python library redis is not installed for this host's "
            "ansible_python_interpreter. Install python3-redis (role "
            "hal9.migrate.state_host does) or pip install redis."
        )


def open_side(site: RedisSite, side: Side, database: int = 0) -> Server:
    """Return the server of a side; raise Unreachable when it does not answer."""
    server = Server(f"{side} Redis", site.url(side), site.secrets, database)
    server.ask("PING")
    return server


def text(answer: Any) -> str:
    """Return an answer as text."""
    return (
        answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    )


def shut(server: Server) -> None:
    """Refuse writes from now on and after a restart, whatever the server's role is."""
    server.ask("CONFIG", "SET", "min-replicas-to-write", FENCED)
    server.ask("CONFIG", "REWRITE")


def let_in(server: Server, minimum: str) -> None:
    """Take writes from now on and after a restart, when the server is a master."""
    server.ask("CONFIG", "SET", "min-replicas-to-write", minimum)
    server.ask("CONFIG", "REWRITE")


def shut_when_restarted(server: Server, minimum: str) -> None:
    """Refuse writes after a restart alone: no client sees anything now."""
    server.at_once(
        (
            ("CONFIG", "SET", "min-replicas-to-write", FENCED),
            ("CONFIG", "REWRITE"),
            ("CONFIG", "SET", "min-replicas-to-write", minimum),
        )
    )
