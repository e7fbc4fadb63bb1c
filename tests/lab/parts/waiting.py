"""Bounded waiting for a fact."""

from __future__ import annotations

import time
from typing import Callable


class TookTooLong(Exception):
    """A fact did not come true in the time it was given."""


def wait_until(
    true: Callable[[], bool], seconds: float, what: str, pause: float = 0.02
) -> None:
    """Return as soon as `true()` holds, or raise naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TookTooLong(f"{what}: not within {seconds:g} s")
        time.sleep(pause)
