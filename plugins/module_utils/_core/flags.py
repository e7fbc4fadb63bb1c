# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Feature flags in flagd's file format: what a file says, and what it says after a
flag was turned.

The format is https://flagd.dev/reference/flag-definitions/; fields that this code
does not know are kept.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)

Targeting = Literal["none", "percentage", "other"]
WEIGHT = 10_000
"""The sum of the weights of a percentage: hundredths of a percent, as shares are."""


@dataclass(frozen=True)
class Flag:
    """One flag; ``percentage`` of the users get ``chosen`` where targeting is a
    percentage.
    """

    name: str
    state: str
    variants: tuple[str, ...]
    default_variant: str
    targeting: Targeting = "none"
    percentage: float | None = None
    chosen: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the flag as plain JSON values."""
        return {
            "name": self.name,
            "state": self.state,
            "variants": list(self.variants),
            "default_variant": self.default_variant,
            "targeting": self.targeting,
            "percentage": self.percentage,
            "chosen": self.chosen or self.default_variant,
        }


@dataclass(frozen=True)
class Turn:
    """A wish: the flag gives ``variant`` to everybody, or to ``percentage`` of the
    users.
    """

    flag: str
    variant: str
    percentage: float | None = None
    replaces_targeting: bool = False


def flags(document: Mapping[str, Any]) -> tuple[Flag, ...]:
    """Return the flags of a document in its order; raise InvalidSpec for another
    format.
    """
    found = document.get("flags")
    if not isinstance(found, Mapping):
        raise InvalidSpec(
            "The flag file has no object `flags`. Give it flagd's format:"
            ' {"flags": {"NAME": {"state": "ENABLED", "variants": {"on": true,'
            ' "off": false}, "defaultVariant": "off"}}}.',
            path="flags",
            value=type(found).__name__,
            allowed="an object",
        )
    return tuple(_flag(str(name), raw) for name, raw in found.items())


def _flag(name: str, raw: Any) -> Flag:
    variants = raw.get("variants") if isinstance(raw, Mapping) else None
    if not isinstance(variants, Mapping) or not variants:
        raise InvalidSpec(
            f"The flag {name} has no object `variants` with at least one variant.",
            path=f"flags.{name}.variants",
            value=type(variants).__name__,
            allowed="an object",
        )
    kind, percentage, chosen = _targeting(raw.get("targeting"))
    return Flag(
        name,
        str(raw.get("state", "")),
        tuple(map(str, variants)),
        str(raw.get("defaultVariant") or ""),
        kind,
        percentage,
        chosen,
    )


def _targeting(rule: Any) -> tuple[Targeting, float | None, str]:
    """Recognise the percentage that this code writes; everything else is the site's
    own rule.
    """
    if not rule:
        return "none", None, ""
    parts = rule.get("fractional") if isinstance(rule, Mapping) else None
    if len(rule) != 1 or not isinstance(parts, list) or len(parts) != 2:
        return "other", None, ""
    if not all(isinstance(part, list) and len(part) == 2 for part in parts):
        return "other", None, ""
    (chosen, weight), (_rest, left) = parts
    if not (isinstance(weight, int) and isinstance(left, int) and weight + left > 0):
        return "other", None, ""
    return "percentage", 100 * weight / (weight + left), str(chosen)


def named(document: Mapping[str, Any], name: str) -> Flag:
    """Return the flag of this name; raise InvalidSpec that names those there are."""
    found = {flag.name: flag for flag in flags(document)}
    if name not in found:
        raise InvalidSpec(
            f"The flag file has no flag {name}; it has {', '.join(found) or 'none'}."
            " Add the flag to the file with its variants, then run again.",
            path="flag",
            value=name,
            allowed=sorted(found),
        )
    return found[name]


def turn(document: Mapping[str, Any], wish: Turn) -> dict[str, Any]:
    """Return the document after the wish; nothing else in it is changed."""
    flag = named(document, wish.flag)
    _check(flag, wish)
    after: dict[str, Any] = copy.deepcopy(dict(document))
    raw = after["flags"][wish.flag]
    raw["state"] = "ENABLED"
    raw.pop("targeting", None)
    if wish.percentage is None or wish.percentage >= 100:
        raw["defaultVariant"] = wish.variant
    else:
        rest = _rest(flag, wish.variant)
        raw["defaultVariant"] = rest
        if wish.percentage > 0:
            raw["targeting"] = _fractional(wish.variant, rest, wish.percentage)
    return after


def _fractional(variant: str, rest: str, percentage: float) -> dict[str, Any]:
    weight = round(percentage * WEIGHT / 100)
    return {"fractional": [[variant, weight], [rest, WEIGHT - weight]]}


def _check(flag: Flag, wish: Turn) -> None:
    if wish.variant not in flag.variants:
        raise InvalidSpec(
            f"The flag {flag.name} has no variant {wish.variant!r}; it has"
            f" {', '.join(flag.variants)}. Name one of them.",
            path="variant",
            value=wish.variant,
            allowed=list(flag.variants),
        )
    if wish.percentage is not None and not 0 <= wish.percentage <= 100:
        raise InvalidSpec(
            f"The percentage {wish.percentage:g} is not between 0 and 100.",
            path="percentage",
            value=wish.percentage,
            allowed="0 to 100",
        )
    if flag.targeting == "other" and not wish.replaces_targeting:
        raise InvalidSpec(
            f"The flag {flag.name} has targeting rules of its own, which turning it"
            " would drop. Change them in the file, or allow it with replace_targeting.",
            path=f"flags.{flag.name}.targeting",
            value="own rules",
            allowed="none, or a percentage",
        )


def _rest(flag: Flag, variant: str) -> str:
    """Return what the users outside the percentage get: off, else the only other
    variant.
    """
    others = [name for name in flag.variants if name != variant]
    if "off" in others:
        return "off"
    if len(others) == 1:
        return others[0]
    raise InvalidSpec(
        f"The flag {flag.name} has no variant off, and not exactly one beside {variant}"
        f" (it has {', '.join(flag.variants)}): what the other users get is not clear."
        " Add a variant off.",
        path=f"flags.{flag.name}.variants",
        value=list(flag.variants),
        allowed="two variants, or one named off",
    )
