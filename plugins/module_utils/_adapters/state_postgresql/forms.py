# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether two servers give values the same text, and a text the same hash.

They do from PostgreSQL 12 on, on processors of the same byte order. It is not believed:
each comparison asks both servers for the same values first.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_postgresql.session import (
    Session,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StateConflict,
)

_VALUES = {
    "float8": "0.1::float8 + 0.2::float8, 1e-7::float8, 1e22::float8, '-0'::float8",
    "float4": "0.1::float4, 16777217::float4, 1e-40::float4",
    "numeric": "1.50::numeric, -0.001::numeric, 1e30::numeric, 'NaN'::numeric",
    "timestamptz": "'1999-12-31 23:59:59.999999+05:30'::timestamptz, "
    "'infinity'::timestamptz, '0044-03-15 12:00 BC'::timestamptz",
    "interval": "'1 year -2 mons 3 days 04:05:06.7'::interval, '-1 day'::interval",
    "date": "'2024-02-29'::date, 'infinity'::date, '04:05:06.7+02'::timetz",
    "bytea": r"'\x00ff5c27'::bytea",
    "jsonb": """'{"b": [1, 1.0, -1e2], "a": {"é": null, "\\u0007": "x"}}'::jsonb""",
    "array": """ARRAY['a b', NULL, 'NULL', '', 'q"\\'], ARRAY[[1, 2], [3, 4]]""",
    "record": """ROW(1, NULL, '', 'a,b', 'q"')""",
    "range": "'[1,5)'::int4range, '(,2.5]'::numrange",
    "inet": "'10.1.2.3/24'::inet, '::1'::inet, '08:00:2b:01:02:03'::macaddr",
    "money": "'-1234.5'::money",
    "bit": "B'0101', ''::varbit",
}
_HASHES = (
    "SELECT hashtextextended('a long enough text, é', 0), hashtextextended('', -7)"
)


def forms(session: Session) -> dict[str, str]:
    """Return what chosen values look like here, and the hashes of two texts."""
    shown = ", ".join(f"concat_ws('|', {values})" for values in _VALUES.values())
    texts = session.rows(f"SELECT {shown}")[0]
    hashes = session.rows(_HASHES)[0]
    return {**dict(zip(_VALUES, map(str, texts))), "hash": str(hashes)}


def refuse_unlike(source: Mapping[str, str], target: Mapping[str, str]) -> None:
    """Raise StateConflict where equal rows would not be seen as equal."""
    unlike = [name for name, text in source.items() if target.get(name) != text]
    if not unlike:
        return
    first = unlike[0]
    raise StateConflict(
        f"The two servers cannot be compared by digests: {', '.join(unlike)} looks "
        f"otherwise ({first}: {source[first]} against {target.get(first)}). Required: "
        "PostgreSQL 12 or newer on both sides, processors of the same byte order. "
        "Compare an export with new instead: hal9-migrate state verify --export.",
        unlike=unlike,
    )
