# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lays the supervised program down on the state host, and starts it."""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import subprocess
import sys
import time

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state import (
    supervisor,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.durable import (
    write_durably,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state.record import (
    Place,
    Told,
    told,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    TimedOut,
)

START_SECONDS = 3.0
"""A process that was started shows itself by the lock within this time."""
PACKAGE = "ansible_collections.hal9.migrate.plugins.module_utils"
_RUN = f"""import sys

from {supervisor.__name__} import main

sys.exit(main())
"""


def _sources() -> dict[str, str]:
    """Return the text of every module of ours that is loaded, by relative path.

    The module itself runs from an archive that Ansible removes when it ends.
    """
    wanted = (f"{PACKAGE}._core.", f"{PACKAGE}._adapters.")
    found = {"run.py": _RUN}
    for name, module in list(sys.modules.items()):
        if name.startswith(wanted) and getattr(module, "__path__", None) is None:
            found[name.replace(".", "/") + ".py"] = inspect.getsource(module)
    for path in list(found):
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            found["/".join([*parts[:depth], "__init__.py"])] = ""
    return found


def lay_down(root: str) -> str:
    """Write the program below ``root`` under its digest; return what to run."""
    sources = _sources()
    digest = hashlib.sha256(repr(sorted(sources.items())).encode()).hexdigest()[:16]
    home = os.path.join(root, "lib", digest)
    for path, text in sources.items():
        full = os.path.join(home, path)
        if path != "run.py" and not os.path.exists(full):
            os.makedirs(os.path.dirname(full), mode=0o755, exist_ok=True)
            write_durably(full, text)
    if not os.path.exists(os.path.join(home, "run.py")):
        write_durably(os.path.join(home, "run.py"), _RUN)
    _point(os.path.join(root, "lib", "current"), digest)
    return os.path.join(home, "run.py")


def _point(link: str, digest: str) -> None:
    """Let the link that is run at boot lead to this version."""
    if os.path.islink(link) and os.readlink(link) == digest:
        return
    fresh = f"{link}.{os.getpid()}"
    os.symlink(digest, fresh)
    os.replace(fresh, link)


def start(root: str, place: Place) -> None:
    """Start the supervisor in a session (under systemd: a unit) of its own."""
    command = [sys.executable, lay_down(root), place.directory]
    if os.path.isdir("/run/systemd/system") and shutil.which("systemd-run"):
        unit = f"hal9-state-{os.getpid()}-{int(time.time())}"
        options = ["--quiet", "--collect", "--property=Restart=on-failure"]
        _checked(["systemd-run", *options, f"--unit={unit}", "--", *command])
        return
    with open(place.path("log"), "ab") as log:
        os.fchmod(log.fileno(), 0o600)
        subprocess.Popen(  # pylint: disable=ansible-bad-function
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            start_new_session=True,
            close_fds=True,
        )


def _checked(command: list[str]) -> None:
    done = subprocess.run(  # pylint: disable=ansible-bad-function
        command, capture_output=True, text=True, timeout=30, check=False
    )
    if done.returncode:
        raise MigrateError(f"systemd-run refused the switch: {done.stderr.strip()}")


def wait(place: Place, wanted: str, seconds: float) -> Told | None:
    """Return the record once this switch has ended, None when nobody works on it.

    Raise TimedOut when it is still at work after so many seconds.
    """
    deadline = time.monotonic() + seconds
    alive = time.monotonic()
    while True:
        said, busy = told(place), place.is_busy()
        if said.header.get("id") == wanted and said.ended and not busy:
            return said
        if busy:
            alive = time.monotonic()
        if time.monotonic() - alive > START_SECONDS:
            return None
        if time.monotonic() > deadline:
            raise TimedOut(unended(place))
        time.sleep(0.05)


def unended(place: Place) -> str:
    """Return the message for a switch that has not ended."""
    notes = told(place).notes
    return (
        "The supervised switch has not ended: "
        f"{notes[-1] if notes else 'it did not start'}. See {place.path('log')}, then "
        "run again: it is undone or completed."
    )
