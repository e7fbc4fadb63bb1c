# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which users go to new: buckets by xxh32, as in HAProxy, and the rule of epochs."""

from __future__ import annotations

import struct

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    StaleEpoch,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.router import (
    WHOLE,
    Side,
    TrafficSetting,
)

JUMP = 1.25
"""By how much the odds of being on new may change before it is a jump."""

_P1, _P2, _P3 = 2654435761, 2246822519, 3266489917
_P4, _P5 = 668265263, 374761393
_MASK = 0xFFFFFFFF
_STRIPE = 16


def xxh32(data: bytes, seed: int = 0) -> int:
    """Return the 32-bit xxHash of ``data`` with a seed (HAProxy's ``xxh32(seed)``)."""
    ends = len(data) - len(data) % _STRIPE
    state = (_stripes(data[:ends], seed) if ends else seed + _P5) + len(data)
    return _avalanche(_tail(state & _MASK, data[ends:]))


def seed_of(salt: str) -> int:
    """Return what a migration's hash of users begins with."""
    return xxh32(salt.encode())


def bucket(salt: str, identity: str) -> int:
    """Return the bucket (0..9,999) of a user, the same on every router and for ever.

    Who has no identity has that of an empty one.
    """
    return xxh32(identity.encode(), seed_of(salt)) % WHOLE


def side(bucket_of_user: int, share: int) -> Side:
    """Return the side of a bucket; a growing share never moves a user back."""
    return "new" if bucket_of_user < share else "legacy"


def admit(current: TrafficSetting, proposed: TrafficSetting) -> None:
    """Raise StaleEpoch unless the proposal is newer, or the same once more."""
    if proposed.epoch > current.epoch:
        return
    if proposed.epoch < current.epoch:
        reason = "a newer one is in force"
    elif _content(proposed) == _content(current):
        return
    else:
        reason = "the same epoch is in force with other content"
    raise StaleEpoch(
        f"Refused epoch {proposed.epoch} with share {proposed.share} for "
        f"{proposed.migration}: {reason} (epoch {current.epoch}, share "
        f"{current.share}). Another command has changed this migration: look at "
        "`hal9-migrate status --detailed`, then run again.",
        epoch=current.epoch,
        share=current.share,
    )


def admit_renewal(current: TrafficSetting, epoch: int) -> None:
    """Raise StaleEpoch unless the lease to be renewed is the one of this very epoch."""
    if epoch == current.epoch:
        return
    raise StaleEpoch(
        f"Refused to renew the lease of epoch {epoch} for {current.migration}: epoch "
        f"{current.epoch} is in force. Look at `hal9-migrate status --detailed`.",
        epoch=current.epoch,
        share=current.share,
    )


def is_jump(before: int, after: int) -> bool:
    """Say whether a change of share makes both sides' last seconds incomparable."""
    odds = [(share + 1) / (WHOLE - share + 1) for share in (before, after)]
    return max(odds) > JUMP * min(odds)


def _content(setting: TrafficSetting) -> tuple[int, int]:
    return (setting.share, setting.fallback)


def _rotate(value: int, by: int) -> int:
    return ((value << by) | (value >> (32 - by))) & _MASK


def _round(lane: int, word: int) -> int:
    return _rotate((lane + word * _P2) & _MASK, 13) * _P1 & _MASK


def _stripes(data: bytes, seed: int) -> int:
    lanes = [(seed + first) & _MASK for first in (_P1 + _P2, _P2, 0, -_P1)]
    for words in struct.iter_unpack("<4I", data):
        lanes = [_round(lane, word) for lane, word in zip(lanes, words)]
    return sum(_rotate(lane, by) for lane, by in zip(lanes, (1, 7, 12, 18)))


def _tail(state: int, data: bytes) -> int:
    ends = len(data) - len(data) % 4
    for (word,) in struct.iter_unpack("<I", data[:ends]):
        state = _rotate((state + word * _P3) & _MASK, 17) * _P4 & _MASK
    for byte in data[ends:]:
        state = _rotate((state + byte * _P5) & _MASK, 11) * _P1 & _MASK
    return state


def _avalanche(state: int) -> int:
    state = (state ^ (state >> 15)) * _P2 & _MASK
    state = (state ^ (state >> 13)) * _P3 & _MASK
    return state ^ (state >> 16)
