"""Ports and directories that belong to nobody else."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

LOOPBACK = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that the kernel says nobody listens on."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _unused in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


def free_port() -> int:
    """A port of 127.0.0.1 that the kernel says nobody listens on."""
    return free_ports(1)[0]


def listens(port: int) -> bool:
    """Whether something accepts connections on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


@contextmanager
def scratch_directory(prefix: str = "hal9-") -> Iterator[Path]:
    """A short path that user postgres may enter too, removed at the end.

    (pytest's `tmp_path` is closed to other users, and may be too long for a socket.)
    """
    directory = Path(tempfile.mkdtemp(prefix=prefix))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def database_user() -> str | None:
    """Who runs PostgreSQL and PgBouncer: postgres for root, else the caller (None)."""
    return "postgres" if os.geteuid() == 0 else None


def own_directory(directory: Path, user: str | None) -> None:
    """Make `directory`, closed to others, for `user`; refuse one he cannot reach."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    if user is None:
        return
    account = pwd.getpwnam(user)
    os.chown(directory, account.pw_uid, account.pw_gid)
    for parent in directory.absolute().parents:
        if not _may_enter(parent, account):
            raise PermissionError(
                f"User {user} cannot enter {parent}, so {directory} cannot be its "
                "home. Give a directory below one open to all, such as that of "
                "scratch_directory()."
            )


def _may_enter(directory: Path, account: pwd.struct_passwd) -> bool:
    """Whether the permissions let this account pass through `directory`."""
    facts = directory.stat()
    if facts.st_uid == account.pw_uid:
        return bool(facts.st_mode & 0o100)
    if facts.st_gid in os.getgrouplist(account.pw_name, account.pw_gid):
        return bool(facts.st_mode & 0o010)
    return bool(facts.st_mode & 0o001)


def write_private(path: Path, text: str, user: str | None) -> None:
    """Write `text` so that nobody but `user` (None: the caller) can ever read it."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(path, account.pw_uid, account.pw_gid)
