# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flag file, read as the service reads it: by the official provider of flagd."""

from __future__ import annotations

from pathlib import Path

from openfeature import api
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext

from tests.lab.parts import wait_until


def users_with(path: Path, flag: str, users: int) -> int:
    """Return for how many of so many users a flag is on."""
    provider = FlagdProvider(
        resolver_type=ResolverType.FILE,
        offline_flag_source_path=str(path),
        deadline_ms=5000,
    )
    api.set_provider(provider)
    try:
        wait_until(lambda: _is_read(flag), 20, "the provider: the file is read")
        return sum(
            api.get_client().get_boolean_value(
                flag, False, EvaluationContext(f"user-{number}")
            )
            for number in range(users)
        )
    finally:
        api.shutdown()


def _is_read(flag: str) -> bool:
    """Until the provider has read the file it gives the default, and an error."""
    found = api.get_client().get_boolean_details(flag, False, EvaluationContext("u"))
    return found.error_code is None
