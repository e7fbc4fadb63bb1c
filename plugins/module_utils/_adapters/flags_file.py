# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flag file on disk: read whole, replaced whole, never seen half written."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse

Change = Callable[[Mapping[str, Any]], dict[str, Any]]

OPTIONS = {"migration": {"type": "dict"}, "path": {"type": "path"}}
"""The options by which a module names the file; one of them is required."""


def path_of(params: Mapping[str, Any]) -> str:
    """Return the file that the options name: the path given, else the declaration's."""
    if params["path"]:
        return str(params["path"])
    declared = parse(params["migration"]).flags
    if declared is None:
        raise InvalidSpec(
            "The declaration has no flags.path, so there is no flag file. Declare it as"
            " flags: {path: /etc/hal9/flags.json}.",
            path="flags.path",
            value=None,
            allowed="the path of a file in flagd's format",
        )
    return declared.path


class FlagsFile:
    """The file at a path; a link is followed, so that the file it points to is
    replaced.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(os.path.realpath(path))

    def load(self) -> dict[str, Any]:
        """Return the document; raise MigrateError when there is none that can be
        read.
        """
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except OSError as error:
            raise MigrateError(
                f"The flag file {self._path} cannot be read: {error.strerror}. Name the"
                " file that flagd reads as flags.path of the declaration.",
                path=str(self._path),
            ) from error
        except ValueError as error:
            raise InvalidSpec(
                f"The flag file {self._path} is not JSON: {error}. Nothing was"
                " changed.",
                path=str(self._path),
                value="not JSON",
                allowed="a JSON object",
            ) from error
        if not isinstance(document, dict):
            raise InvalidSpec(
                f"The flag file {self._path} holds no JSON object. Nothing was"
                " changed.",
                path=str(self._path),
                value=type(document).__name__,
                allowed="a JSON object",
            )
        return document

    def change(self, change: Change) -> tuple[dict[str, Any], dict[str, Any]]:
        """Apply a change to what is there now, alone among writers; return before and
        after.
        """
        with self._alone():
            before = self.load()
            after = change(before)
            if after != before:
                self._replace(after)
        return before, after

    @contextmanager
    def _alone(self) -> Iterator[None]:
        # The directory is locked, since the file itself is replaced by another.
        try:
            handle = os.open(self._path.parent, os.O_RDONLY)
        except OSError as error:
            raise MigrateError(
                f"The directory {self._path.parent} cannot be opened: {error.strerror}."
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _replace(self, document: Mapping[str, Any]) -> None:
        try:
            self._write_beside(
                json.dumps(document, indent=2, ensure_ascii=False) + "\n"
            )
        except OSError as error:
            raise MigrateError(
                f"The flag file {self._path} cannot be replaced: {error.strerror}. It"
                " is as it was.",
                path=str(self._path),
            ) from error

    def _write_beside(self, text: str) -> None:
        about = self._path.stat()
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".flags-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fchmod(stream.fileno(), about.st_mode & 0o7777)
                _give(stream.fileno(), about)
                os.fsync(stream.fileno())
            os.replace(name, self._path)
        except BaseException:
            os.unlink(name)
            raise
        _sync_directory(self._path.parent)


def _give(handle: int, about: os.stat_result) -> None:
    """Keep the owner where that is allowed; a process without the right owns its
    files anyway.
    """
    try:
        os.fchown(handle, about.st_uid, about.st_gid)
    except PermissionError:
        return


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
