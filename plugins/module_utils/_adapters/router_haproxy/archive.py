# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The break-glass command as one file: the adapter's own sources in a zip that runs."""

from __future__ import annotations

import ast
import io
import os
import sys
import zipfile
from importlib.util import find_spec

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.router_haproxy import (
    break_glass,
)

_PACKAGE = "ansible_collections.hal9.migrate.plugins.module_utils"
_ENTRY = break_glass.__name__
_EPOCH = (1980, 1, 1, 0, 0, 0)


def archive(interpreter: str, start: str = _ENTRY) -> bytes:
    """Return the executable, byte for byte the same from the same sources."""
    content = io.BytesIO()
    content.write(f"#!{interpreter}\n".encode())
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, text in sorted(_files(start).items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            zipped.writestr(entry, text)
    return content.getvalue()


def _files(start: str) -> dict[str, str]:
    """Return the entry point and every module of ours that it has imported."""
    files = {"__main__.py": f"import sys\nfrom {start} import main\nsys.exit(main())\n"}
    for module in _imported(start):
        path = module.replace(".", "/")
        files[f"{path}.py"] = _source(module)
        files.update(_packages(path))
    return files


def _packages(path: str) -> dict[str, str]:
    """Return empty package files: Python finds no namespace packages in a zip."""
    parts = path.split("/")[:-1]
    return {
        "/".join([*parts[: depth + 1], "__init__.py"]): ""
        for depth in range(len(parts))
    }


def _imported(start: str) -> set[str]:
    """Return the entry's imports by following them in the sources."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting.extend(_imports(_source(module)))
    return found


def _imports(source: str) -> set[str]:

    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            _PACKAGE
        ):
            candidates = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in candidates if _is_module(name)}
            found.update(modules or {str(node.module)})
    return found


def _is_module(name: str) -> bool:
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        return False
    return spec is not None and spec.origin is not None


def _source(module: str) -> str:
    spec = find_spec(module)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No source of {module} was found.", name=module)
    source = spec.loader.get_source(module)  # type: ignore[attr-defined]
    # Ansible's own loader of collections gives bytes.
    return source.decode() if isinstance(source, bytes) else str(source)


def running_interpreter() -> str:
    """Return the Python that runs this, which the command then uses too."""
    return sys.executable or "/usr/bin/python3"


def installed(path: str) -> bytes:
    """Return the command that is there; nothing when there is none that may run."""
    try:
        if not os.access(path, os.X_OK):
            return b""
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def install(path: str, content: bytes) -> None:
    """Replace the command, so that it is always one or the other whole file."""
    part = f"{path}.{os.getpid()}.part"
    with open(part, "wb") as file:
        os.fchmod(file.fileno(), 0o755)
        file.write(content)
        os.fsync(file.fileno())
    os.replace(part, path)
