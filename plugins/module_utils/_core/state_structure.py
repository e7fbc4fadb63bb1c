# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Definitions in SQL, as PostgreSQL writes them, made comparable as texts."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ARRAY = "(ARRAY["
_CAST = re.compile(r'\]\)::((?:[\w". ]|\([\d, ]+\))+)\[\]')
_WORD = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|.""", re.DOTALL)


def settled(text: str) -> str:
    """Return a definition as it is written once it was dumped and restored.

    ``s IN ('a', 'b')`` of a varchar is kept as an array that is cast as a whole, and
    comes out of a dump with each of its elements cast: the same to the server.
    """
    start = text.find(_ARRAY)
    while start >= 0:
        inner = start + len(_ARRAY)
        elements = list(_elements(text[inner:]))
        end = inner + sum(len(each) for each in elements) + len(elements) - 1
        cast = _CAST.match(text, end)
        if cast:
            each = ", ".join(f"({e.strip()})::{cast[1]}" for e in elements)
            text = f"{text[:start]}ARRAY[{each}]{text[cast.end() :]}"
        start = text.find(_ARRAY, start + 1)
    return text


def _elements(text: str) -> Iterator[str]:
    """Yield the elements of an array up to the bracket that ends it."""
    depth, element = 0, ""
    for word in _WORD.findall(text):
        if depth == 0 and word in (",", "]"):
            yield element
            if word == "]":
                return
            element = ""
            continue
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(word, 0)
        element += word
    yield element
