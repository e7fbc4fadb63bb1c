"""What one process of the shop is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Where a process listens, who it is, and where its orders are."""

    name: str
    version: str
    host: str
    port: int
    dsn: str
    pool: int
    faults: Path
    sessions: tuple[str, ...] = ()
    uploads: Path | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """The settings, with the DSN (it has a password) from the environment only."""
        return cls(
            name=environment["SHOP_NAME"],
            version=environment["SHOP_VERSION"],
            host=environment.get("SHOP_HOST", "127.0.0.1"),
            port=int(environment["SHOP_PORT"]),
            dsn=environment["SHOP_DSN"],
            pool=int(environment.get("SHOP_POOL", "8")),
            faults=Path(environment["SHOP_FAULTS"]),
            sessions=tuple(environment.get("SHOP_SESSIONS", "").split()),
            uploads=_path(environment.get("SHOP_UPLOADS", "")),
        )


def _path(text: str) -> Path | None:
    return Path(text) if text else None
