# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The version: the one in galaxy.yml (a source tree, a wheel) or MANIFEST.json (an
installed collection).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def version(root: Path = ROOT) -> str:
    """Return the version of the collection that this command is part of."""
    manifest = root / "MANIFEST.json"
    if manifest.exists():
        about = json.loads(manifest.read_text(encoding="utf-8"))
        return str(about["collection_info"]["version"])
    found = re.search(
        r"(?m)^version: (\S+)$", (root / "galaxy.yml").read_text(encoding="utf-8")
    )
    return found[1] if found else "unknown"
