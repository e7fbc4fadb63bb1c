"""What a module says when the host does not let it use a file."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._edge import conclude


class Module:
    """Takes down how it ended."""

    def __init__(self) -> None:
        self.failed: dict[str, Any] = {}

    def fail_json(self, **said: Any) -> None:
        self.failed = said
        raise SystemExit(1)

    def exit_json(self, **_said: Any) -> None:
        raise SystemExit(0)


def ended(error: OSError) -> dict[str, Any]:
    """Return what the module says of an error."""
    module = Module()

    def work() -> dict[str, Any]:
        raise error

    with pytest.raises(SystemExit):
        conclude(module, work)
    return module.failed


def test_a_file_of_somebody_else_is_named_with_the_way_out() -> None:
    said = ended(PermissionError(errno.EACCES, "Permission denied", "/x/intent.jsonl"))
    assert said["msg"] == (
        "Cannot use /x/intent.jsonl: Permission denied. Run as a user who may read and "
        "write it (become), then again."
    )


def test_a_full_disk_is_named_with_the_file() -> None:
    said = ended(OSError(errno.ENOSPC, "No space left on device", "/x/map.new"))
    assert said["msg"].startswith("Cannot use /x/map.new: No space left on device.")


def test_an_error_without_a_file_is_not_hidden() -> None:
    def work() -> dict[str, Any]:
        raise OSError("nobody knows why")

    with pytest.raises(OSError, match="nobody knows"):
        conclude(Module(), work)
