# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparator's files and, without a service manager, its process."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    archive,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator import (
    program,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator.settings import (
    Settings,
    render,
)


@dataclass(frozen=True)
class Wanted:
    """What shall be on the host: program, settings, and whether we run it."""

    path: str
    config: str
    interpreter: str
    settings: Settings
    state: str


def sync(wanted: Wanted, *, is_dry: bool) -> dict[str, Any]:
    """Bring files and process to what is wanted; return what changed."""
    content = archive.archive(wanted.interpreter, program.__name__)
    text = render(wanted.settings)
    before = archive.installed(wanted.path), _text(wanted.config)
    differs = before != (content, text)
    runs = program.running(wanted.config)
    changed = differs or _must_act(wanted.state, runs=runs is not None)
    if changed and not is_dry:
        if runs and wanted.state != "installed":
            program.stop(wanted.config)
        if differs:
            archive.install(wanted.path, content)
            _write(wanted.config, text)
        if wanted.state == "started":
            runs = program.start(wanted.path, wanted.config)
    return {
        "changed": changed,
        "diff": {
            "before": _shown(*before),
            "after": _shown(content, text),
        },
        "path": wanted.path,
        "pid": runs.pid if runs and wanted.state == "started" else 0,
    }


def _must_act(state: str, *, runs: bool) -> bool:
    return state != "installed" and runs != (state == "started")


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _write(path: str, text: str) -> None:
    part = f"{path}.{os.getpid()}.part"
    with open(part, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _shown(content: bytes, text: str) -> str:
    digest = hashlib.sha256(content).hexdigest() if content else "none"
    return f"program {digest}\n{text}"
