"""The whole way through the modules: link, verify, switch, back, twice each."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from tests.integration.state.bed import PASSWORD, Shop, writers
from tests.integration.state.modules import play

LINKED = {"replication": {"state": "linked", "wait_seconds": 30}}
VERIFY: dict[str, Any] = {"state_verify": {}}
INFO: dict[str, Any] = {"replication_info": {}}


def switched(authority: str) -> dict[str, Any]:
    """A task that switches."""
    return {"replication": {"state": "switched", "authority": authority}}


def changes(results: list[dict[str, Any]]) -> list[bool]:
    """What each task said of change."""
    return [result["changed"] for result in results]


class TestModules:
    """Check, apply, apply again, read back."""

    def test_there_and_back_through_the_modules(
        self, shop: Shop, tmp_path: Path
    ) -> None:
        dry = play(shop, tmp_path, LINKED, INFO, check=True).results
        assert (changes(dry), dry[1]["tables"]) == ([True, False], [])

        linked = play(shop, tmp_path, LINKED, LINKED, VERIFY, INFO)
        assert changes(linked.results) == [True, False, False, False], linked.printed
        assert linked.results[2]["equal"]
        assert (linked.results[3]["ready"], linked.results[3]["reasons"]) == (True, [])

        dry = play(shop, tmp_path, switched("new"), INFO, check=True).results
        assert (dry[0]["changed"], dry[1]["authority"]) == (True, "legacy")

        with writers(shop) as running:
            told = play(
                shop, tmp_path, switched("new"), switched("new"), LINKED, VERIFY, INFO
            )
            back = play(shop, tmp_path, switched("legacy"), switched("legacy"), INFO)
        assert changes(told.results) == [True, False, False, False, False], told.printed
        assert (told.results[3]["equal"], told.results[4]["authority"]) == (True, "new")
        assert told.results[4]["reverse_active"]
        assert told.results[0]["write_pause_ms"] < 1000
        assert changes(back.results) == [True, False, False], back.printed
        assert back.results[2]["authority"] == "legacy"
        assert [writer.failed for writer in running] == [[], []]
        acknowledged = set().union(*(writer.texts for writer in running))
        assert acknowledged - shop.notes("legacy") == set()

        gone = play(shop, tmp_path, {"replication": {"state": "absent"}}, INFO)
        assert (gone.results[0]["changed"], gone.results[1]["slots"]) == (True, [])

        everything = linked.printed + told.printed + back.printed + _files(tmp_path)
        assert PASSWORD not in everything

    def test_a_wrong_password_is_one_clear_error_without_it(
        self, shop: Shop, tmp_path: Path
    ) -> None:
        wrong = "not-the-word-71"
        site = shop.site
        shop.changes = {"new": site.new.replace(PASSWORD, wrong)}
        told = play(shop, tmp_path, LINKED)
        message = told.results[0]["msg"]
        assert "new database" in message
        assert "password authentication failed" in message
        assert (wrong in told.printed, PASSWORD in told.printed) == (False, False)


def _files(tmp_path: Path) -> str:
    """What is left in the state's directory; nobody else may read it."""
    text = ""
    for path in (tmp_path / "state").rglob("*"):
        if path.is_file() and "/lib/" not in str(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
            text += path.read_text()
    return text
