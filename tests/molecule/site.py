"""Hosts of their own for a scenario: `python -m tests.molecule.site up|down DIRECTORY
NETWORK HOST ...`; both may be repeated.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from tests.lab.parts.hosts import Hosts


def main() -> None:
    """Bring the hosts up, or end them and remove all that they had."""
    parser = argparse.ArgumentParser(prog="python -m tests.molecule.site")
    parser.add_argument("what", choices=("up", "down"))
    parser.add_argument("directory", type=Path)
    parser.add_argument("network")
    parser.add_argument("hosts", nargs="+")
    wanted = parser.parse_args()
    site = Hosts(wanted.directory, wanted.network, tuple(wanted.hosts))
    site.down()
    shutil.rmtree(wanted.directory, ignore_errors=True)
    if wanted.what == "up":
        _up(site)


def _up(site: Hosts) -> None:
    try:
        site.up()
    except BaseException:
        site.down()
        raise


if __name__ == "__main__":
    main()
