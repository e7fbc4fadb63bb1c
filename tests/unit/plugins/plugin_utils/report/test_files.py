# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of reports: what is in them, and what never is."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.files import (
    reports,
    write,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.report.gather import gather
from tests.unit.plugins.plugin_utils import situations

SECRET = "hunter2"


def made(document: dict[str, Any], scope: str = "all") -> dict[str, str]:
    """The files of a scope by their names."""
    return {
        name: text
        for report in reports(gather(document), scope)
        for name, text in report.files()
    }


class Elements(HTMLParser):
    """Notes what a browser would fetch or run, and what it would not understand."""

    VOID = ("meta", "br", "path", "hr")

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe", "object", "embed", "form"):
            self.fetched.append(tag)
        self.fetched += [
            f"{name}={value}"
            for name, value in attrs
            if name in ("src", "srcset", "action") or name.startswith("on")
        ]
        self.fetched += [
            f"href={value}"
            for name, value in attrs
            if name == "href" and not (value or "").startswith("#")
        ]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


class TestReports:
    def test_there_is_one_for_the_whole_each_phase_step_and_way_back(self) -> None:
        names = {name for name in made(situations.whole_move()) if "html" in name}
        assert {"shop-report.html", "shop-phase-canary.html"} <= names
        assert {"shop-incident-9.html", "shop-step-6-canary-3.html"} <= names
        assert len(names) == 1 + 4 + 7 + 1

    @pytest.mark.parametrize(
        ("scope", "count"), [("whole", 1), ("phase", 4), ("step", 7), ("incident", 1)]
    )
    def test_a_scope_is_only_its_own(self, scope: str, count: int) -> None:
        assert len(made(situations.whole_move(), scope)) == 2 * count

    def test_every_page_is_whole_and_asks_for_nothing(self) -> None:
        for name, text in made(situations.whole_move()).items():
            if name.endswith(".html"):
                page = Elements()
                page.feed(text)
                page.close()
                assert page.fetched == [], name
                assert page.open == [], name
                assert re.findall(r"url\(|@import|//[a-z]", text) == [], name

    def test_every_document_is_json_without_special_numbers(self) -> None:
        def refuse(text: str) -> None:
            raise AssertionError(text)

        for name, text in made(situations.whole_move()).items():
            if name.endswith(".json"):
                json.loads(text, parse_constant=refuse)

    def test_the_incident_page_tells_what_is_asked_at_three_in_the_morning(
        self,
    ) -> None:
        page = made(situations.rolled_back(), "incident")["shop-incident-8.html"]
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
        for told in (
            "25 % → 0 % of users on new",
            "Taken off new by trip of the router",
            "failed for a user",
            "failed on new, answered by legacy",
            "Tripped by router: every user is on legacy",
            "Evidence kept",
        ):
            assert told in text

    def test_text_of_others_is_escaped_everywhere(self) -> None:
        document = situations.rolled_back()
        evil = "<script>alert(1)</script>"
        for event in document["events"]:
            event["run"] = evil
            if event["kind"] == "rolled_back":
                event["body"].update(reason=evil, trigger=evil, evidence={"x": evil})
        document["problems"] = [evil]
        pages = [t for n, t in made(document).items() if n.endswith("html")]
        assert all(evil not in page for page in pages)
        assert any("&lt;script&gt;alert(1)" in page for page in pages)

    @pytest.mark.parametrize(
        "body",
        [
            {"password": SECRET},
            {"dsn": f"postgresql://shop:{SECRET}@db/shop"},
            {"reason": f"could not reach postgresql://shop:{SECRET}@db1/shop"},
            {"reason": f"host=db1 password={SECRET} dbname=shop"},
            {"reason": f"host=db1 password='{SECRET} x' dbname=shop"},
            {"evidence": {"headers": [{"Authorization": f"Bearer {SECRET}"}]}},
        ],
    )
    def test_a_secret_that_slipped_into_the_journal_is_not_shown(
        self, body: dict[str, Any]
    ) -> None:
        document = situations.rolled_back()
        document["events"][-1]["body"].update(body)
        shown = made(document)
        assert [name for name, text in shown.items() if SECRET in text] == []

    def test_an_unreadable_series_is_no_crash(self) -> None:
        document = situations.in_canary()
        document["events"][-1]["body"]["evidence"]["series"] = [[1, 2], "x", None]
        assert "shop-report.html" in made(document)


class TestWrite:
    def test_a_second_time_changes_nothing(self, tmp_path: Path) -> None:
        found = reports(gather(situations.in_canary()), "all")
        assert write(found, tmp_path / "r", is_dry=False)
        assert write(found, tmp_path / "r", is_dry=False) == []

    def test_a_dry_run_writes_nothing_and_says_what_it_would(
        self, tmp_path: Path
    ) -> None:
        found = reports(gather(situations.in_canary()), "whole")
        assert len(write(found, tmp_path / "r", is_dry=True)) == 2
        assert not (tmp_path / "r").exists()

    def test_others_cannot_read_them(self, tmp_path: Path) -> None:
        write(reports(gather(situations.in_canary()), "whole"), tmp_path, is_dry=False)
        modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
        assert modes == {0o640}

    def test_a_place_that_cannot_be_written_to_is_one_clear_error(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / "file"
        file.write_text("")
        found = reports(gather(situations.in_canary()), "whole")
        with pytest.raises(MigrateError, match="cannot be written to"):
            write(found, file / "r", is_dry=False)
