"""The lab: `python -m tests.lab up|down|status|demo|demo-fault [--seed N] [--base-port
N] [--directory DIRECTORY]`.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from tests.lab import demo, stack
from tests.lab.layout import BASE_PORT, RECORDS, Lab
from tests.lab.parts import StartFailed

INTERRUPTED = 130
VERBS = ("up", "down", "status", "demo", "demo-fault")


def main() -> int:
    """Do what the verb says; 1 when a promise of the demo did not hold."""
    chosen = _arguments()
    lab = Lab.at(chosen.base_port, chosen.directory)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _do(lab, chosen)
    except (stack.LabProblem, StartFailed) as problem:
        print(f"lab: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "lab: interrupted. What was started still runs, but for the customers. "
            "`make lab-down` ends it and removes its files; the same command again "
            "begins afresh.",
            file=sys.stderr,
        )
        return INTERRUPTED


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--seed", type=int, default=1, help="varies load and data")
    parser.add_argument("--base-port", type=int, default=BASE_PORT)
    parser.add_argument(
        "--directory", type=Path, default=RECORDS, help="where its records are kept"
    )
    return parser.parse_args()


def _do(lab: Lab, chosen: argparse.Namespace) -> int:
    if chosen.verb == "up":
        stack.up(lab, chosen.seed)
        print(stack.describe(lab))
    elif chosen.verb == "down":
        stack.down(lab)
    elif chosen.verb == "status":
        print(stack.describe(lab))
    else:
        return demo.run(lab, chosen.seed, with_fault=chosen.verb == "demo-fault")
    return 0


if __name__ == "__main__":
    sys.exit(main())
