"""Two trees with hostile names, and a service that obeys a marker."""

from __future__ import annotations

import hashlib
import itertools
import os
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.link import (
    one_pass,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.port import (
    FilesEngine,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_files.site import (
    FilesSite,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import Side
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    Fence,
)
from tests.integration.state.pieces import Piece, Refused, Servers

NUMBERS = itertools.count(1)
PROBE = (
    "import os, sys\n"
    "if os.path.lexists(sys.argv[2]): sys.exit(1)\n"
    "open(os.path.join(sys.argv[1], '.probe'), 'w').close()\n"
)


class FilesServers(Servers):
    """There is no server: the kernel is one."""

    def __init__(self, directory: Path) -> None:
        """Take a directory."""
        self.directory = directory

    def start(self) -> None:
        """Nothing is to be started."""

    def stop(self) -> None:
        """Nothing runs."""

    def piece(self) -> Piece:
        """Two trees of their own."""
        return FilesPiece(self.directory / str(next(NUMBERS)))


class FilesPiece(Piece):
    """Both trees; the service looks at the marker, writes, and looks again."""

    def __init__(self, directory: Path) -> None:
        """Make legacy with everything a tree can hold."""
        self.directory = directory
        for name in ("legacy", "new", "fence", "state"):
            (directory / name).mkdir(parents=True)
        (directory / "current").symlink_to(directory / "legacy")
        fill(os.fsencode(directory / "legacy"))

    @property
    def site(self) -> FilesSite:
        """The declared item."""
        marker = str(self.directory / "fence" / "{side}.closed")
        probe = (sys.executable, "-c", PROBE, "{tree}", marker)
        return FilesSite(
            migration="shop",
            item="uploads",
            legacy=str(self.directory / "legacy"),
            new=str(self.directory / "new"),
            fence=Fence(probe=probe, marker=marker),
            links=(str(self.directory / "current"),),
            directory=str(self.directory / "state"),
            max_lag_bytes=10_000_000,
            max_lag_seconds=15.0,
            deadline_seconds=60.0,
        )

    @property
    def engine(self) -> FilesEngine:
        """The item behind the port."""
        return FilesEngine(self.site)

    @property
    def secrets(self) -> tuple[str, ...]:
        """There is none; a word that is nowhere."""
        return ("no-such-secret",)

    def write(self, side: Side, text: str) -> None:
        """Upload a file as services do: beside, then renamed."""
        closed = self.directory / "fence" / f"{side}.closed"
        root = self.directory / side
        part = root / f".{text}.part"
        if closed.exists():
            raise Refused(side)
        with part.open("w") as file:
            file.write(text)
            if closed.exists():
                part.unlink()
                raise Refused(side)
            part.rename(root / f"text-{text}")

    def texts(self, side: Side) -> set[str]:
        """What the uploads hold."""
        found = (self.directory / side).glob("text-*")
        return {path.read_text() for path in found}

    def content(self, side: Side) -> Any:
        """What os.walk and the standard library say of everything."""
        root = os.fsencode(self.directory / side)
        found = {}
        for base, folders, files in os.walk(root):
            for name in (*folders, *files):
                full = os.path.join(base, name)
                seen = os.lstat(full)
                body = ""
                if stat.S_ISREG(seen.st_mode):
                    body = hashlib.md5(Path(os.fsdecode(full)).read_bytes()).hexdigest()
                if stat.S_ISLNK(seen.st_mode):
                    body = repr(os.readlink(full))
                owner = (seen.st_mode, seen.st_uid, seen.st_gid, seen.st_rdev)
                found[os.path.relpath(full, root)] = (owner, body)
        return found

    def spoil(self) -> set[tuple[str, str]]:
        """Change new behind the link: one byte at the same size and time."""
        new = self.directory / "new"
        at = (new / "plain").stat()
        (new / "plain").write_text("PLAIN")
        os.utime(new / "plain", ns=(at.st_atime_ns, at.st_mtime_ns))
        (new / "sub" / "deep").unlink()
        (new / "intruder").write_text("x")
        (new / "modes").chmod(0o604)
        return {
            ("plain", "changed"),
            ("hard", "changed"),  # the same file by another name
            ("sub/deep", "lost"),
            ("intruder", "extra"),
            ("modes", "changed"),
        }

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing is copied but by a pass."""
        yield

    def await_behind(self, size: int) -> None:
        """What a pass has copied is what was behind before it."""
        self._pass()
        late_bytes, late_seconds = self.lags()
        assert late_bytes >= size
        assert late_seconds > 0

    def catch_up(self) -> None:
        """The next pass has nothing to copy; that takes its time, too."""
        self._pass()
        assert self.lags()[0] == 0

    def _pass(self) -> None:
        one_pass(self.site, "new", time.monotonic() + 60, complete=True)

    def remove(self) -> None:
        """The directory goes with the servers."""


def fill(root: bytes) -> None:
    """Names of every kind, links, holes, modes, pipes, and devices for root."""

    def put(name: bytes, body: bytes = b"body") -> None:
        with open(os.path.join(root, name), "wb") as file:
            file.write(body)

    put(b"plain", b"plain")
    put(b"-rf")
    put(b"--delete")
    put(b"new\nline")
    put(b"\xff\xfe not utf-8")
    put("ümläut".encode())
    put(b"a" * 255)
    put(b"empty", b"")
    put(b"*?[glob]$(x)`y`")
    os.mkdir(os.path.join(root, b"sub"))
    os.mkdir(os.path.join(root, b"empty directory"))
    put(b"sub/deep")
    os.symlink(b"sub/deep", os.path.join(root, b"relative"))
    os.symlink(b"/etc/passwd", os.path.join(root, b"outward"))
    os.symlink(b"nowhere", os.path.join(root, b"dangling"))
    os.symlink(b"sub", os.path.join(root, b"to a directory"))
    os.link(os.path.join(root, b"plain"), os.path.join(root, b"hard"))
    os.mkfifo(os.path.join(root, b"pipe"))
    put(b"modes")
    os.chmod(os.path.join(root, b"modes"), 0o640)
    with open(os.path.join(root, b"holes"), "wb") as file:
        file.seek(50_000_000)
        file.write(b"end")
    if os.geteuid() == 0:
        os.mknod(os.path.join(root, b"null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.chown(os.path.join(root, b"modes"), 12, 34)
