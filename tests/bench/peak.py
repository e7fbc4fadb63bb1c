"""The peak memory of a process that measures itself."""

from __future__ import annotations

from pathlib import Path


def peak_mebibytes() -> float:
    """Return the most memory that this process has held.

    Not ``ru_maxrss``: a started process begins there with what its parent held.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    (kib,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kib) / 1024
