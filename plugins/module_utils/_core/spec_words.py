# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the declaration: every simple kind of value that its fields use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core import spec_values as v
from ansible_collections.hal9.migrate.plugins.module_utils._core.evidence.policy import (
    Limit,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.migration import (
    Identity,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_forms import (
    AnyOf,
    Either,
    OneKey,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_kinds import (
    Choice,
    Kind,
    Number,
    Text,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_problems import (
    refuse,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_records import (
    Table,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.state_items import (
    SecretRef,
)

MIGRATION_NAME = Text("1 to 16 of a-z, 0-9 and _, a letter first", v.NAME)
WORD = Text("a name of letters, digits, '.', '_' and '-' (at most 64)", v.WORD)
LABEL = Text("1 to 200 characters on one line", v.LABEL)
OPTIONAL_LABEL = Text("up to 200 characters on one line", v.OPTIONAL_LABEL)
VARIABLE = Text("a name of letters, digits and _", v.VARIABLE)
FILE = Text("an absolute path", v.FILE)
ACCOUNT = Text("an account as user@host, such as shop@%", v.ACCOUNT)
COMMAND_WORD = Text("a word of a command, on one line", v.LABEL)
FENCE_FILE = Text("an absolute path, or nothing", v.OPTIONAL_FILE)
URL_PATH = Text("a path that starts with /", v.URL_PATH)
HTTP_NAME = Text("the name of a cookie or header", v.HTTP_NAME)
METHOD = Text("an HTTP method in capitals", v.METHOD)
ADDRESS = Text("host:port", v.ADDRESS)
DURATION = Text("a duration such as 90s, 10m or 1h30m", v.DURATION, v.seconds_of)
WHOLE_SECONDS = Text(
    "whole seconds such as 15s or 2m (at least 1s)", v.WHOLE_SECONDS, v.seconds_of
)
WHOLE_SECONDS_OR_NONE = Text(
    "whole seconds such as 10s or 0s", r"^[0-9]{1,6}[smh]$", v.seconds_of
)
SHARE = Text("a share from 0% to 100% such as 5%", v.SHARE, v.buckets_of)
RATE = Text("a percentage such as 0.1%", v.RATE, v.fraction_of)
SIZE = Text("a size such as 1MB or 512KiB", v.SIZE, v.bytes_of)
STATUS = Number("an HTTP status from 100 to 599", 100, 599, whole=True)
COUNT = Number("a whole number from 1 to 1000000", 1, 1_000_000, whole=True)
SLACK = Number("a whole number from 0 to 12", 0, 12, whole=True)
MILLISECONDS = Number("milliseconds from 1 to 600000", 1, 600_000, whole=True)
PER_SECOND = Number("a number from 0.1 to 100000", 0.1, 100_000)
RATIO = Number("a ratio from 0.1 to 1000", 0.1, 1000)
PROBABILITY = Number("a probability from 0.0001 to 0.5", 0.0001, 0.5)

_REF_WORDS = (
    "a reference to a secret: {env: NAME}, {var: NAME} or {file: /path}; "
    "never the secret itself"
)
SECRET = OneKey(
    _REF_WORDS,
    (("env", VARIABLE), ("var", VARIABLE), ("file", FILE)),
    SecretRef,  # type: ignore[arg-type]
)
IDENTITY = Either(
    Choice(("source",)),
    OneKey(
        "{cookie: NAME} or {header: NAME}",
        (("cookie", HTTP_NAME), ("header", HTTP_NAME)),
        Identity,  # type: ignore[arg-type]
    ),
    Identity,
)

_PERCENT = r"[0-9]{1,2}(\.[0-9]+)?%$"
_POSITIVE = r"(?=.*[1-9])"
AT_MOST_RATE = Text(
    'a limit such as "<= 0.1%" (above 0%, below 100%)', "^<= ?" + _POSITIVE + _PERCENT
)
AT_LEAST_RATE = Text(
    'a limit such as ">= 99.9%" (above 0%, below 100%)', "^>= ?" + _POSITIVE + _PERCENT
)
AT_MOST_MS = Text(
    'a limit in milliseconds such as "<= 50"', r"^<= ?[1-9][0-9]{0,5}(\.[0-9]+)?$"
)


@dataclass(frozen=True)
class Asked(Kind):
    """A question without a number: it is asked, or its key is left out."""

    words: str = "true, which asks for a live A/A arm; leave the key out otherwise"

    def read(self, raw: Any, path: str) -> bool:
        """Return true."""
        if raw is True:
            return True
        raise refuse(path, raw, self.words)

    def schema(self) -> dict[str, Any]:
        """Return the one value."""
        return {"const": True}


GATE_METRICS = (
    "error_rate",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "shadow_match",
    "completeness",
    "aa",
)


def _limits(written: dict[str, Any]) -> tuple[Limit, ...]:
    return tuple(_limit(metric, limit) for metric, limit in written.items())


def _limit(metric: str, written: Any) -> Limit:
    if written is True:  # a question without a number
        return Limit(metric)
    sign, quantity = v.split_limit(written)
    number = v.quantity_of(quantity)
    if sign == "<=":
        return Limit(metric, maximum=number)
    return Limit(metric, minimum=number)


GATES = Table(
    'limits by metric, such as {error_rate: "<= 0.1%", p99_ms: "<= 50"}',
    (
        ("^error_rate$", AT_MOST_RATE),
        ("^" + v.LATENCY + "$", AT_MOST_MS),
        ("^(shadow_match|completeness)$", AT_LEAST_RATE),
        ("^aa$", Asked()),
    ),
    GATE_METRICS,
    _limits,
)

LIMIT_MS = Number("milliseconds from 1 to 600000", 1, 600_000)
CEILING = AnyOf(
    "a percentage above 0% for error_rate, memory and cpu (0.1%), milliseconds for a "
    "latency (50), a number for failed_health_checks (2)",
    (Text("a percentage", "^" + _POSITIVE + _PERCENT, v.fraction_of), LIMIT_MS),
)
CEILING_METRIC = Text(
    "error_rate, a latency such as p99_ms, failed_health_checks, memory or cpu",
    "^(error_rate|failed_health_checks|memory|cpu|" + v.LATENCY + ")$",
)
