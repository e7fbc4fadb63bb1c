# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared commands and rsync, bounded in time."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    DependencyMissing,
    MigrateError,
    TimedOut,
)

LEAST_SECONDS = 1.0
SHOWN = 500


def run(
    words: Sequence[str],
    deadline: float,
    given: bytes = b"",
    keep: Sequence[int] = (),
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end; TimedOut when that is not before the deadline."""
    try:
        return subprocess.run(  # pylint: disable=ansible-bad-function
            list(words),
            input=given,
            capture_output=True,
            timeout=max(LEAST_SECONDS, deadline - time.monotonic()),
            check=False,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            pass_fds=tuple(keep),
        )
    except FileNotFoundError:
        raise DependencyMissing(
            f"The program {words[0]} is not on this host. Install it (role "
            "hal9.migrate.state_host installs rsync), or correct the declaration."
        ) from None
    except subprocess.TimeoutExpired:
        raise TimedOut(f"{words[0]} did not end in time.") from None
    except OSError as error:
        raise MigrateError(f"{words[0]} cannot be run: {error.strerror}.") from None


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return what a command said last, on one line."""
    text = (done.stderr or done.stdout).decode("utf-8", "backslashreplace")
    return " ".join(text.split())[-SHOWN:] or f"exit {done.returncode}"
