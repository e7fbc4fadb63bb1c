# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces on disk: written with their digest, read back only when it holds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import IO, Any, Union

try:
    import zstandard

    HAS_ZSTANDARD = True
except ImportError:
    HAS_ZSTANDARD = False

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export import (
    durable,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.directory import (
    ExportDirectory,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_journal import (
    Stored,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_manifest import (
    Chunk,
)

Buffer = Union[bytes, memoryview]
BLOCK = 2**20
EARLY = 4 * BLOCK
"""So much is left to be written at a time; the fsync at the end finds little left."""
LARGEST_WINDOW = 2**27
LEVEL = 1


def require_zstandard() -> None:
    """Raise DependencyMissing where zstandard cannot be imported."""
    if not HAS_ZSTANDARD:
        raise DependencyMissing(
            "The Python library zstandard is not installed for this host's "
            "ansible_python_interpreter. Install python3-zstandard (role "
            "hal9.migrate.state_host does) or pip install zstandard; or export with "
            "compression: none."
        )


class PieceWriter:
    """Writes one piece: hash while streaming, fsync, rename, fsync of the directory."""

    def __init__(self, place: ExportDirectory, name: str, compression: str) -> None:
        """Open the part."""
        self._place, self._compression = place, compression
        self._part = os.path.join(place.chunks, f"{name}.part")
        self._hash, self.raw_bytes, self._stored = hashlib.sha256(), 0, 0
        self._begun = 0
        self._packer = _packer(compression)
        with durable.explained(self._part):
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            self._file = os.fdopen(os.open(self._part, flags, durable.PRIVATE), "wb", 0)

    def write(self, block: Buffer) -> None:
        """Take a block."""
        self.raw_bytes += len(block)
        self._put(self._packer.compress(block) if self._packer else block)

    def _put(self, data: Buffer) -> None:
        if not data:
            return
        self._hash.update(data)
        self._stored += len(data)
        view = memoryview(data)
        with durable.explained(self._part):
            while view:
                view = view[self._file.write(view) :]
            if self._stored - self._begun >= EARLY:
                durable.begin_sync(self._file.fileno(), self._begun, self._stored)
                self._begun = self._stored

    def finish(self, piece: int, rows: int) -> Stored:
        """Have the piece on disk under its digest, and return what the journal is
        told.
        """
        if self._packer:
            self._put(self._packer.flush())
        digest = self._hash.hexdigest()
        path = self._place.chunk(digest, self._compression)
        with durable.explained(self._part):
            durable.sync(self._file.fileno())
            self._file.close()
            durable.make_directory(os.path.dirname(path))
            durable.rename(self._part, path)
            durable.sync_directory(os.path.dirname(path))
        return Stored(piece, digest, self._stored, self.raw_bytes, rows)

    def abandon(self) -> None:
        """Remove the part."""
        self._file.close()
        if os.path.lexists(self._part):
            os.unlink(self._part)


def _packer(compression: str) -> Any:
    if compression == "none":
        return None
    require_zstandard()
    return zstandard.ZstdCompressor(level=LEVEL).compressobj()


class PieceReader:
    """One piece of an export, whoever brought it: nothing is unpacked before the
    digest of what is stored is known to be right.
    """

    def __init__(self, place: ExportDirectory, chunk: Chunk, compression: str) -> None:
        """Open it, and hash what is stored."""
        durable.refuse_links(place.path, "chunks", chunk.digest[:2])
        self.path = place.chunk(chunk.digest, compression)
        self._chunk, self._compression = chunk, compression
        self._file = durable.open_plain(self.path, chunk.stored_bytes)
        try:
            self._refuse_other(_hashed(self._file))
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> PieceReader:  # noqa: PYI034  (Self is 3.11)
        return self

    def __exit__(self, *_unused: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def _refuse_other(self, found: tuple[str, int]) -> None:
        digest, size = found
        if size != self._chunk.stored_bytes:
            raise MigrateError(
                f"{self.path} has {size} bytes; the manifest says "
                f"{self._chunk.stored_bytes}. {AGAIN}"
            )
        if digest != self._chunk.digest:
            raise MigrateError(
                f"{self.path} is damaged: its SHA-256 is {digest[:12]}..., not what "
                f"its name says. {AGAIN}"
            )

    def blocks(self) -> Iterator[bytes]:
        """Yield the rows; at the end the digest holds again, and the length.

        The file is read twice: one that changes in between is seen.
        """
        self._file.seek(0)
        hashed, size = hashlib.sha256(), 0
        for block in self._unpacked(hashed):
            size += len(block)
            if size > self._chunk.raw_bytes:
                raise MigrateError(
                    f"{self.path} unpacks to more than the {self._chunk.raw_bytes} "
                    f"bytes that the manifest says. {AGAIN}"
                )
            yield block
        if size != self._chunk.raw_bytes:
            raise MigrateError(
                f"{self.path} unpacks to {size} bytes; the manifest says "
                f"{self._chunk.raw_bytes}. {AGAIN}"
            )
        self._refuse_other((hashed.hexdigest(), self._chunk.stored_bytes))

    def _unpacked(self, hashed: Any) -> Iterator[bytes]:
        source: Any = _Hashing(self._file, hashed)
        if self._compression == "none":
            yield from iter(lambda: source.read(BLOCK), b"")
            return
        require_zstandard()
        unpacker = zstandard.ZstdDecompressor(max_window_size=LARGEST_WINDOW)
        try:
            with unpacker.stream_reader(source, closefd=False) as stream:
                yield from iter(lambda: stream.read(BLOCK), b"")
            while source.read(BLOCK):  # what follows the frame counts for the digest
                pass
        except zstandard.ZstdError as error:
            raise MigrateError(
                f"{self.path} does not unpack: {error}. {AGAIN}"
            ) from None


AGAIN = "Bring the file back from where it was copied, or export again."


class _Hashing:
    """A file that hashes what is read from it."""

    def __init__(self, file: IO[bytes], hashed: Any) -> None:
        self._file, self._hashed = file, hashed

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._hashed.update(data)
        return data


def _hashed(file: IO[bytes]) -> tuple[str, int]:
    found, size = hashlib.sha256(), 0
    for block in iter(lambda: file.read(BLOCK), b""):
        found.update(block)
        size += len(block)
    return found.hexdigest(), size
