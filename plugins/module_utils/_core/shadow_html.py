# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTML page by its structure: where each text and each telling attribute stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

_SPACE = re.compile(r"\s+")
_TELLING = ("action", "href", "id", "name", "src", "type", "value")
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    ]
)
_UNSEEN = ("script", "style")


def html_leaves(text: str) -> Iterator[tuple[str, str]]:
    """Yield the tags, then texts and attributes under the path of their tag."""
    page = _Page()
    page.feed(text)
    page.close()
    yield "html.structure", " ".join(page.tags)
    yield from page.leaves


class _Page(HTMLParser):
    """Gathers; a tag that is never closed is closed by the one around it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.leaves: list[tuple[str, str]] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag and what its attributes say."""
        named = dict(attrs).get("name")
        self.tags.append(tag)
        self._open.append(f"{tag}[{named}]" if named else tag)
        for name, value in attrs:
            if name in _TELLING:
                self.leaves.append((f"{self._path}@{name}", value or ""))
        if tag in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close the tag, and what was left open inside it."""
        if tag in map(_tag, self._open):
            while _tag(self._open.pop()) != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Note a text, spaces evened out."""
        words = _SPACE.sub(" ", data).strip()
        if words and not set(_UNSEEN).intersection(self._open):
            self.leaves.append((self._path or "text", words))

    @property
    def _path(self) -> str:
        return ".".join(self._open)


def _tag(segment: str) -> str:
    return segment.partition("[")[0]
