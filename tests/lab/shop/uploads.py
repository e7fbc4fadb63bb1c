"""Files that customers upload, in a tree that a link leads to.

Run as a program it writes one file as the shop does, or ends with 1 when it may not:
`python uploads.py TREE`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


class Closed(Exception):
    """The tree is not to be written now; nothing was."""


def marker(tree: Path) -> Path:
    """While this is there the tree is not written."""
    return tree.with_name(f"{tree.name}.closed")


def put(tree: Path, name: str, body: bytes) -> None:
    """Write a file whole or not at all; raise Closed when the tree is shut."""
    if os.path.lexists(marker(tree)):
        raise Closed(str(tree))
    folder = tree / name[:2]
    folder.mkdir(exist_ok=True)
    part = folder / f".{name}.part"
    part.write_bytes(body)
    if os.path.lexists(marker(tree)):
        part.unlink()
        raise Closed(str(tree))
    part.rename(folder / name)


def main() -> int:
    """Probe."""
    try:
        put(Path(sys.argv[1]), "probe", b"probe")
    except (Closed, OSError):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
