# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every verb: inventory, declaration, format, verbosity."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)


@dataclass(frozen=True)
class Settings:
    """The global options; an empty inventory leaves the choice to Ansible's
    configuration.
    """

    inventory: tuple[str, ...] = ()
    migration: str = ""
    output_format: str = ""
    verbosity: int = 0

    def inventory_arguments(self) -> list[str]:
        """Return the arguments that name the inventory to ansible-playbook."""
        return [part for source in self.inventory for part in ("-i", source)]

    def declaration_arguments(self) -> list[str]:
        """Return the arguments that name the declaration's file, if there is one."""
        return ["-e", f"@{Path(self.migration).resolve()}"] if self.migration else []

    def verbosity_arguments(self) -> list[str]:
        """Return ansible-playbook's own verbosity: from the second -v on."""
        return ["-" + "v" * (self.verbosity - 1)] if self.verbosity > 1 else []


def from_environment(inventory: tuple[str, ...], env: Mapping[str, str]) -> Settings:
    """Return settings with the inventory given, else the one HAL9_INVENTORY names."""
    named = env.get("HAL9_INVENTORY", "")
    return Settings(inventory or ((named,) if named else ()))


def check(settings: Settings) -> None:
    """Refuse an inventory or a declaration that cannot be what the operator meant."""
    for source in settings.inventory:
        if "," not in source and not os.path.exists(source):
            raise InvalidSpec(
                f"The inventory {source} does not exist. Name an existing file or"
                " directory with -i or HAL9_INVENTORY."
            )
    if not settings.inventory and not _configured_inventory():
        raise InvalidSpec(
            "No inventory was given. Name one with -i, with HAL9_INVENTORY, or as"
            " `inventory` in ansible.cfg."
        )
    if settings.migration:
        _check_declaration(Path(settings.migration))


def _configured_inventory() -> list[str]:
    from ansible.config.manager import ConfigManager

    sources: list[str] = ConfigManager().get_config_value("DEFAULT_HOST_LIST")
    return [source for source in sources if "," in source or os.path.exists(source)]


def _check_declaration(path: Path) -> None:
    import yaml

    try:
        # Composed, not constructed: vault and unsafe tags are Ansible's to read.
        root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidSpec(
            f"The declaration {path} cannot be read: {error}. Name a YAML file that"
            " holds the variable hal9_migration."
        ) from error
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    keys = [key.value for key, _value in pairs]
    if "hal9_migration" not in keys:
        raise InvalidSpec(
            f"The declaration {path} has no key hal9_migration (it has:"
            f" {', '.join(map(str, keys)) or 'no keys'}). Put the declaration under it."
        )
