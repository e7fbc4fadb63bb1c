# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``hal9-migrate``: the verbs of a migration over the collection's
playbooks.
"""

from __future__ import annotations

from importlib.util import find_spec


def main() -> None:
    """Run the command and leave the interpreter with its exit code."""
    # The collection alone has neither; the pages of its modules do without.
    for library in ("click", "rich"):
        if find_spec(library) is None:
            raise SystemExit(
                f"hal9-migrate needs the library {library}. Install the command with"
                " its libraries: pip install hal9-migrate."
            )

    from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import program

    program.main()
