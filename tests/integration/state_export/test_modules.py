"""The whole way through the modules: check, apply, apply again, read back."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from tests.integration.state.bed import PASSWORD
from tests.integration.state.modules import Told, play
from tests.integration.state_export.shelf import KEY, ROWS, Shelf


class DeclaredShelf:
    """A shop as the modules see it: its declaration has an export key."""

    def __init__(self, shelf: Shelf, key: str = KEY) -> None:
        self.shelf, self.shop, self.key = shelf, shelf.shop, key

    @property
    def declaration(self) -> dict[str, Any]:
        declared = self.shop.declaration
        more = {
            "export_key": {"env": "EXPORT_KEY"},
            "categories": [{"name": "people", "tables": ["orders", "public.items"]}],
        }
        return {**declared, "state": [{**declared["state"][0], **more}]}

    @property
    def secrets(self) -> dict[str, str]:
        return {**self.shop.secrets, "env:EXPORT_KEY": self.key}

    def play(self, *names: str, check: bool = False, **options: Any) -> Told:
        path = {"path": str(self.shelf.path), **options}
        tasks = [{name: path} for name in names]
        shop: Any = self
        return play(shop, self.shelf.directory, *tasks, check=check)


def changes(told: Told) -> list[bool]:
    return [result["changed"] for result in told.results]


class TestModules:
    """Check, apply, apply again, read back."""

    def test_out_and_in_again_through_the_modules(self, shelf: Shelf) -> None:
        declared = DeclaredShelf(shelf)
        dry = declared.play("state_export", "state_export_info", check=True)
        assert changes(dry) == [True, False], dry.printed
        assert dry.results[1]["state"] == "absent"
        assert not shelf.path.exists()
        assert "public.orders: 3000 rows" in dry.results[0]["diff"]["after"]

        out = declared.play("state_export", "state_export", "state_export_info")
        assert changes(out) == [True, False, False], out.printed
        seen = out.results[2]
        assert (seen["state"], seen["manifest"]["rows"]) == ("complete", ROWS)
        assert [t["category"] for t in seen["manifest"]["tables"]][:3] == [
            "people",
            "people",
            "rest",
        ]

        dry = declared.play("state_import", check=True)
        assert changes(dry) == [True], dry.printed
        assert shelf.ledger() == {}
        back = declared.play("state_import", "state_import")
        assert changes(back) == [True, False], back.printed
        assert [result["complete"] for result in back.results] == [True, True]
        assert shelf.sums("legacy") == shelf.sums("new")
        assert shelf.parts("legacy") == shelf.parts("new")

        everything = out.printed + back.printed + _files(shelf.directory)
        assert (PASSWORD in everything, KEY in everything) == (False, False)

    def test_another_key_is_one_clear_error_without_it(self, shelf: Shelf) -> None:
        assert DeclaredShelf(shelf).play("state_export").results[0]["changed"]
        wrong = "another-key-" + "3" * 30
        told = DeclaredShelf(shelf, wrong).play("state_import")
        assert "signature of manifest.json does not match" in told.results[0]["msg"]
        assert (wrong in told.printed, KEY in told.printed) == (False, False)

    def test_an_item_without_a_key_is_refused(self, shelf: Shelf) -> None:
        told = play(shelf.shop, shelf.directory, {"state_export": {"path": "/nowhere"}})
        assert "has no export_key" in told.results[0]["msg"]


def _files(directory: Path) -> str:
    """What is left in the export; nobody else may read it."""
    text = ""
    for path in (directory / "export").rglob("*"):
        mode = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == mode, path
        if path.is_file():
            text += path.read_text(errors="replace")
    return text
