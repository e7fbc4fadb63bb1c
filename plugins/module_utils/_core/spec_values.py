# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The small written forms of the declaration: durations, percentages, sizes, limits,
addresses.
"""

from __future__ import annotations

import re
from decimal import Decimal

DURATION = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$"
WHOLE_SECONDS = r"^[1-9][0-9]{0,5}[smh]$"
SHARE = r"^(100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)%$"
RATE = r"^(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)%$"
SIZE = r"^[0-9]+(\.[0-9]+)?(B|kB|MB|GB|KiB|MiB|GiB)$"
PORT = (
    r"(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}"
    r"|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
)
ADDRESS = r"^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?):" + PORT + "$"
NAME = r"^[a-z][a-z0-9_]{0,15}$"
WORD = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
ACCOUNT = r"^[^\x00-\x20\x7f'`\\@]{1,80}@[^\x00-\x20\x7f'`\\@]{1,255}$"
LABEL = r"^[^\x00-\x1f\x7f]{1,200}$"
OPTIONAL_LABEL = r"^[^\x00-\x1f\x7f]{0,200}$"
VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
FILE = r"^/[^\x00-\x1f\x7f]*$"
OPTIONAL_FILE = r"^(/[^\x00-\x1f\x7f]*)?$"
URL_PATH = r"^/[!-~]*$"
HTTP_NAME = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$"
METHOD = r"^[A-Z]{3,10}$"
LATENCY = r"p[1-9][0-9]{1,4}_ms"

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_SECONDS = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}
_BYTES = {
    "B": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}
_SIZED = re.compile(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]+)")


def seconds_of(text: str) -> float:
    """Return the seconds of a duration such as ``90s``, ``1h30m`` or ``250ms``."""
    return float(sum(Decimal(n) * _SECONDS[unit] for n, unit in _PART.findall(text)))


def buckets_of(text: str) -> int:
    """Return the buckets (of 10,000) of a share such as ``5%`` or ``0.01%``."""
    return int(Decimal(text[:-1]) * 100)


def fraction_of(text: str) -> float:
    """Return the fraction of a percentage: 0.001 for ``0.1%``."""
    return float(Decimal(text[:-1]) / 100)


def bytes_of(text: str) -> int:
    """Return the bytes of a size: 1,000,000 for ``1MB``, 1,048,576 for ``1MiB``."""
    number, unit = _SIZED.findall(text)[0]
    return int(Decimal(number) * _BYTES[unit])


def percentage(buckets: int) -> str:
    """Return a share as it is declared: ``5%`` for 500 buckets."""
    return f"{buckets / 100:g}%"


def quantity_of(text: str) -> float:
    """Return the number of a limit in the unit of its metric: a fraction or
    milliseconds.
    """
    return fraction_of(text) if text.endswith("%") else float(text)


def split_limit(text: str) -> tuple[str, str]:
    """Return the sign and the quantity of a limit such as ``<= 0.1%``."""
    return text[:2], text[2:].strip()
