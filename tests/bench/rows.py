"""One row of figures: a value, what it is held against, and whether the bound holds."""

from __future__ import annotations

import operator
from typing import Any

_COMPARE = {"<=": operator.le, ">=": operator.ge, "<": operator.lt}


def row(
    name: str,
    measured: tuple[float, str],
    against: str,
    theirs: float | None,
    bound: str,
    ratio: float | None = None,
) -> dict[str, Any]:
    """Return the row; `bound` (such as `<= 1.3`) is for the ratio, of both values if
    no other is given.
    """
    value, unit = measured
    if ratio is None and theirs:
        ratio = value / theirs
    ratio = None if ratio is None else round(ratio, 3)
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "against": f"{theirs:.4g} {unit}: {against}" if theirs else against,
        "ratio": ratio,
        "bound": bound,
        "holds": None if ratio is None or not bound else _holds(ratio, bound),
    }


def _holds(ratio: float, bound: str) -> bool:
    sign, number = bound.split()
    return bool(_COMPARE[sign](ratio, float(number)))
