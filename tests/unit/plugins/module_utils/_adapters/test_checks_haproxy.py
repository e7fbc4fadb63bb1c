# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.checks_haproxy import (
    configuration,
    frontends_using,
    parse_peers,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.checks_router import (
    Peer,
)

LINE = "  0x56: id=r2(remote,{}) addr=127.0.0.1:46513 last_status={} last_hdshk=2s"


class TestParsePeers:
    def test_one_with_a_session_is_connected(self) -> None:
        found = parse_peers(LINE.format("active", "ESTA"))
        assert found == (Peer("r2", connected=True),)

    @pytest.mark.parametrize("words", [("inactive", "ESTA"), ("active", "CONN")])
    def test_one_that_is_gone_or_being_connected_to_is_not(
        self, words: tuple[str, str]
    ) -> None:
        assert parse_peers(LINE.format(*words)) == (Peer("r2", connected=False),)

    def test_the_router_itself_is_no_peer(self) -> None:
        line = "0x56: id=r1(local,inactive) addr=127.0.0.1:1 last_status=NONE"
        assert parse_peers(line) == ()


class TestFrontendsUsing:
    def test_names_frontends_and_listeners_that_choose_it(self) -> None:
        text = """
frontend a
  use_backend hal9_shop if { path_beg /shop }
listen b
  default_backend hal9_shop
"""
        assert frontends_using(text, "hal9_shop") == ("frontend a", "listen b")

    def test_comments_other_names_and_backends_do_not_count(self) -> None:
        text = """
frontend a
  # default_backend hal9_shop
  default_backend hal9_shop_old
"""
        assert frontends_using(text, "hal9_shop") == ()


class TestConfiguration:
    SITE = """
defaults
  option abortonclose
frontend shop
  tcp-request connection track-sc0 src
  http-request track-sc2 src table rates if { path / }
  default_backend hal9_shop
frontend other
  http-request track-sc1 src
  option abortonclose
backend hal9_shop
  http-request track-sc0 src
"""

    def seen(self, place: Path, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        path = place / "haproxy.cfg"
        path.write_text(text)
        found = configuration(str(path), "shop")
        return found.tracks, found.aborts

    def test_names_counters_that_are_taken_and_where_aborts_are_seen(
        self, tmp_path: Path
    ) -> None:
        tracks, aborts = self.seen(tmp_path, self.SITE)
        assert tracks == ("track-sc0 in frontend shop", "track-sc2 in frontend shop")
        assert aborts == ("defaults",)

    def test_what_is_switched_off_or_a_comment_does_not_count(
        self, tmp_path: Path
    ) -> None:
        text = self.SITE.replace("  option", "  no option")
        text = text.replace("-request", "-request # ")
        assert self.seen(tmp_path, text) == ((), ())
