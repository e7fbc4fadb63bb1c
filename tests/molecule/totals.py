"""What a load client's log adds up to while it is still written:
`python -m tests.molecule.totals LOG` prints JSON, the acknowledged keys too.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from tests.lab.load.record import add_up, read


def main() -> None:
    """Add up every whole line."""
    whole = Path(sys.argv[1]).read_bytes().rpartition(b"\n")[0]
    with tempfile.NamedTemporaryFile() as copy:
        copy.write(whole + b"\n" if whole else b"")
        copy.flush()
        totals = add_up(Path(copy.name))
        failures = [vars(one) for one in read(Path(copy.name)) if one.failed][:10]
    print(json.dumps({**vars(totals), "failed": totals.failed, "first": failures}))


if __name__ == "__main__":
    main()
