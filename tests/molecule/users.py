"""Which side answers each of some users, beside the side that the share says:
`python -m tests.molecule.users SALT SHARE ROUTER ...` prints what is not as it should
be, as JSON. Nothing of the collection is used: bucket and side are computed here.
"""

from __future__ import annotations

import argparse
import http.client
import json

import xxhash

USERS = [f"u{number:05d}" for number in range(60)]


def predicted(salt: str, user: str, share: int) -> str:
    """The side of a user at a share of so many buckets of 10,000."""
    seed = xxhash.xxh32(salt.encode()).intdigest()
    bucket = xxhash.xxh32(user.encode(), seed).intdigest() % 10_000
    return "new" if bucket < share else "legacy"


def seen(router: str, user: str) -> str:
    """The side that answers the user, or what was answered instead."""
    connection = http.client.HTTPConnection(router, timeout=20)
    try:
        connection.request("GET", "/version", headers={"Cookie": f"uid={user}"})
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    by = answer.headers.get("X-Served-By", "")
    return by.rstrip("0123456789") if answer.status == 200 else str(answer.status)


def main() -> None:
    """Ask for every user on every router."""
    parser = argparse.ArgumentParser(prog="python -m tests.molecule.users")
    parser.add_argument("salt")
    parser.add_argument("share", type=int)
    parser.add_argument("routers", nargs="+")
    wanted = parser.parse_args()
    wrong, sides = [], []
    for router in wanted.routers:
        for user in USERS:
            side, due = seen(router, user), predicted(wanted.salt, user, wanted.share)
            sides.append(side)
            if side != due:
                wrong.append(f"{user} on {router}: {side}, due {due}")
    counts = {side: sides.count(side) for side in sorted(set(sides))}
    print(json.dumps({"wrong": wrong, "sides": counts}))


if __name__ == "__main__":
    main()
