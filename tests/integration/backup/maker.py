# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a backup in a process of its own, to be killed: ``maker ORDER.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup.requests import (
    carry_out,
)

if __name__ == "__main__":
    print(
        json.dumps(carry_out(json.loads(Path(sys.argv[1]).read_text()), is_dry=False))
    )
