# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the databases of one server are made of, as lines that can be compared."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.links import (
    databases_of,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_mariadb.site import (
    MariaSite,
)

_COLUMNS = """
SELECT CONCAT_WS(' ', CONCAT(table_schema, '.', table_name, '.', column_name),
         ordinal_position, column_type, is_nullable, COALESCE(column_default, '-'),
         COALESCE(character_set_name, '-'), COALESCE(collation_name, '-'), extra,
         COALESCE(generation_expression, '-'))
  FROM information_schema.columns WHERE table_schema = %s
"""
_INDEXES = """
SELECT CONCAT_WS(' ', CONCAT(table_schema, '.', table_name, '.', index_name), 'index',
         non_unique, index_type, GROUP_CONCAT(CONCAT_WS(':', column_name,
         COALESCE(sub_part, '-')) ORDER BY seq_in_index))
  FROM information_schema.statistics WHERE table_schema = %s
 GROUP BY table_schema, table_name, index_name, non_unique, index_type
"""
_FOREIGN = """
SELECT CONCAT_WS(' ', CONCAT(k.table_schema, '.', k.table_name, '.', k.constraint_name),
         'refers', r.update_rule, r.delete_rule, GROUP_CONCAT(CONCAT_WS(':',
         k.column_name, k.referenced_table_schema, k.referenced_table_name,
         k.referenced_column_name) ORDER BY k.ordinal_position))
  FROM information_schema.key_column_usage k
  JOIN information_schema.referential_constraints r
    ON r.constraint_schema = k.constraint_schema AND r.table_name = k.table_name
   AND r.constraint_name = k.constraint_name
 WHERE k.table_schema = %s AND k.referenced_table_name IS NOT NULL
 GROUP BY k.table_schema, k.table_name, k.constraint_name, r.update_rule, r.delete_rule
"""
_CHECKS = """
SELECT CONCAT_WS(' ', CONCAT(constraint_schema, '.', table_name, '.', constraint_name),
         'check', check_clause)
  FROM information_schema.check_constraints WHERE constraint_schema = %s
"""
_TABLES = """
SELECT CONCAT_WS(' ', CONCAT(table_schema, '.', table_name), table_type,
         COALESCE(engine, '-'), COALESCE(table_collation, '-'))
  FROM information_schema.tables WHERE table_schema = %s
"""
_TRIGGERS = """
SELECT CONCAT_WS(' ', CONCAT(trigger_schema, '.', event_object_table, '.',
         trigger_name), action_timing, event_manipulation, action_order, definer,
         sql_mode, MD5(action_statement))
  FROM information_schema.triggers WHERE trigger_schema = %s
"""
_VIEWS = """
SELECT CONCAT_WS(' ', CONCAT(table_schema, '.', table_name), 'view', definer,
         security_type, check_option, MD5(view_definition))
  FROM information_schema.views WHERE table_schema = %s
"""
_ROUTINES = """
SELECT CONCAT_WS(' ', CONCAT(routine_schema, '.', specific_name), routine_type, definer,
         security_type, sql_data_access, is_deterministic, sql_mode,
         COALESCE(dtd_identifier, '-'), MD5(routine_definition))
  FROM information_schema.routines WHERE routine_schema = %s
"""
_PARAMETERS = """
SELECT CONCAT_WS(' ', CONCAT(specific_schema, '.', specific_name), 'parameter',
         ordinal_position, COALESCE(parameter_mode, '-'), dtd_identifier)
  FROM information_schema.parameters WHERE specific_schema = %s
"""
_PARTITIONS = """
SELECT CONCAT_WS(' ', CONCAT(table_schema, '.', table_name), 'partition',
         partition_name, partition_method, COALESCE(partition_expression, '-'),
         COALESCE(partition_description, '-'))
  FROM information_schema.partitions
 WHERE table_schema = %s AND partition_name IS NOT NULL
"""
_ALL = (
    _TABLES,
    _COLUMNS,
    _INDEXES,
    _FOREIGN,
    _CHECKS,
    _TRIGGERS,
    _VIEWS,
    _ROUTINES,
    _PARAMETERS,
    _PARTITIONS,
)
_SCHEMA = """
SELECT CONCAT_WS(' ', schema_name, 'database', default_character_set_name,
         default_collation_name)
  FROM information_schema.schemata WHERE schema_name = %s
"""


def of(session: Session, site: MariaSite) -> set[str]:
    """Return one line for each part of the structure."""
    session.run("SET SESSION group_concat_max_len = 1000000")
    found: set[str] = set()
    for database in databases_of(session, site):
        for query in (_SCHEMA, *_ALL):
            found.update(session.names(query, database))
    return found


def lacking(source: Session, target: Session, site: MariaSite) -> tuple[str, ...]:
    """Return what the source has and the target has not, or has otherwise, and what
    only the target has.
    """
    there, here = of(target, site), of(source, site)
    only = (f"{line} (only on the side that follows)" for line in there - here)
    named = {line.split(" ", 1)[0] for line in here - there}
    extra = (line for line in only if line.split(" ", 1)[0] not in named)
    return tuple(sorted([*(here - there), *extra]))


def names_in(lines: Iterator[str]) -> set[str]:
    """Return the tables, database.table, that lines are about."""
    return {".".join(line.split(" ", 1)[0].split(".")[:2]) for line in lines}
