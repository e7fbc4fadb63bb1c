"""What customers of the shop ask for, drawn from a seed."""

from __future__ import annotations

import json
import random
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from tests.lab.seed import CUSTOMERS, ORDERS, PRODUCTS, uid

FRESH = 0.05
"""So many of the reads open a connection of their own."""

READ_BACK_EVERY = 12
"""One acknowledged order of so many is read back by its customer, a little later."""

ORDER_NUMBER = re.compile(rb'"id": ?(\d+)')


@dataclass(frozen=True)
class Wish:
    """One request to make.

    `key` names the order that is written, or that has to be in the answer of a read.
    """

    method: str
    user: str
    path: str
    body: bytes
    key: str
    fresh: bool

    def encode(self) -> bytes:
        """The bytes on the wire."""
        head = (
            f"{self.method} {self.path} HTTP/1.1\r\nHost: shop\r\n"
            f"Cookie: uid={self.user}\r\nContent-Length: {len(self.body)}\r\n"
        )
        if self.fresh:
            head += "Connection: close\r\n"
        return head.encode() + b"\r\n" + self.body


def reads(seed: int) -> Iterator[Wish]:
    """Endless reads."""
    chance = random.Random(seed)
    while True:
        user = uid(chance.randrange(CUSTOMERS))
        yield Wish("GET", user, _path(chance, user), b"", "", chance.random() < FRESH)


def _path(chance: random.Random, user: str) -> str:
    dice = chance.random()
    if dice < 0.7:
        return f"/orders/{chance.randint(1, ORDERS)}"
    return f"/orders?user={user}" if dice < 0.9 else "/catalogue"


def writes(seed: int) -> Iterator[Wish]:
    """Endless writes, each with a key of its own."""
    chance = random.Random(seed + 1)
    while True:
        key = str(uuid.UUID(int=chance.getrandbits(128)))
        body = {
            "key": key,
            "product": chance.randint(1, PRODUCTS),
            "quantity": chance.randint(1, 5),
        }
        user = uid(chance.randrange(CUSTOMERS))
        yield Wish("POST", user, "/orders", json.dumps(body).encode(), key, fresh=False)


def read_back(write: Wish, answer: bytes) -> Wish | None:
    """The read of an order that was just acknowledged; None when it has no number."""
    number = ORDER_NUMBER.search(answer)
    if number is None:
        return None
    path = f"/orders/{int(number[1])}"
    return Wish("GET", write.user, path, b"", write.key, fresh=False)
