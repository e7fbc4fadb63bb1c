# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are whole after a crash."""

from __future__ import annotations

import os


def sync_directory(path: str) -> None:
    """Make what was renamed in a directory durable."""
    directory = os.open(path, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def write_durably(path: str, text: str) -> None:
    """Put a file (0600) in its place so that a crash leaves the old or the new one.

    Of two processes that write it at the same moment the last one wins, whole.
    """
    part = f"{path}.{os.getpid()}.part"
    descriptor = os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    os.replace(part, path)
    sync_directory(os.path.dirname(path))
