"""The comparator's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.shadow_comparator import (
    settings,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec import parse
from tests.integration.router.bed import declaration

PORTS = {"legacy1": 1, "legacy2": 2, "new1": 3}


def migration(**changes: Any) -> Any:
    return parse(declaration(PORTS, **changes))


class TestSettingsOf:
    def test_they_are_read_as_they_were_written(self, tmp_path: Path) -> None:
        declared = migration(shadow={"comparator": "127.0.0.1:8301"})
        wanted = settings.settings_of([declared], "/var/lib/hal9/shadow")
        path = tmp_path / "comparator.json"
        path.write_text(settings.render(wanted))
        assert settings.read(str(path)) == wanted
        assert (wanted.host, wanted.port) == ("127.0.0.1", 8301)

    def test_a_name_is_refused(self) -> None:
        declared = migration(shadow={"comparator": "shadow.example.org:8301"})
        with pytest.raises(MigrateError, match="Give an IP address"):
            settings.settings_of([declared], "/x")

    def test_a_migration_without_shadow_is_refused(self) -> None:
        with pytest.raises(MigrateError, match="declares no `shadow`"):
            settings.settings_of([migration()], "/x")

    def test_a_broken_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(MigrateError, match=r"comparator\.json"):
            settings.read(str(tmp_path / "comparator.json"))
