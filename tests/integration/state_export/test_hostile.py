"""An export that somebody else had in his hands: each harm is one clear error."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.state_export.verifying import (
    ExportVerification,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
    StateConflict,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.export_manifest import (
    signature_text,
)
from tests.integration.state_export.shelf import KEY, ROWS, Shelf

Harm = Callable[[Shelf], None]


def chunk(shelf: Shelf, number: int = 5) -> Path:
    """The file of one chunk of rows."""
    digest = shelf.manifest["chunks"][number]["digest"]
    return shelf.path / "chunks" / digest[:2] / f"{digest}.zst"


def flip(path: Path, at: int = -20) -> None:
    """Turn one bit."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def instead(path: Path, make: Callable[[Path], Any]) -> None:
    """Put something else in a file's place."""
    path.unlink()
    make(path)


def pipe_at(path: Path) -> None:
    """A pipe: who opens it without care waits for ever."""
    os.mkfifo(path)


def device_at(path: Path) -> None:
    """/dev/zero, which never ends."""
    os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))


def socket_at(path: Path) -> None:
    """A socket of a short name."""
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("s")
        os.rename("s", path)
    finally:
        os.chdir(here)


def elsewhere(path: Path) -> None:
    """A link to the very same bytes."""
    other = path.parent.parent.parent / "elsewhere"
    other.write_bytes(b"x")
    path.symlink_to(other)


def linked_directory(shelf: Shelf) -> None:
    """The directory of a chunk is a link to the true one."""
    directory = chunk(shelf).parent
    directory.rename(shelf.path / "moved")
    directory.symlink_to(shelf.path / "moved")


def resigned(change: Callable[[dict[str, Any]], None], key: str = KEY) -> Harm:
    """A manifest that was changed and signed."""

    def harm(shelf: Shelf) -> None:
        found = shelf.manifest
        change(found)
        text = json.dumps(found, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        (shelf.path / "manifest.json").write_bytes(text)
        (shelf.path / "manifest.sig").write_bytes(signature_text(text, key))

    return harm


def bomb(shelf: Shelf) -> None:
    """A chunk of little size that unpacks to a gigabyte, with digest and signature."""
    packed = zstandard.ZstdCompressor(level=1)
    with (shelf.path / "bomb").open("wb") as file, packed.stream_writer(file) as writer:
        for _unused in range(1024):
            writer.write(bytes(2**20))
    data = (shelf.path / "bomb").read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    path = shelf.path / "chunks" / digest[:2]
    path.mkdir(exist_ok=True)
    (shelf.path / "bomb").rename(path / f"{digest}.zst")

    def name_it(found: dict[str, Any]) -> None:
        found["chunks"][5].update(digest=digest, stored_bytes=len(data))

    resigned(name_it)(shelf)


def set_chunk(**values: Any) -> Callable[[dict[str, Any]], None]:
    """Change one chunk of the manifest."""
    return lambda found: found["chunks"][5].update(values)


def set_table(**values: Any) -> Callable[[dict[str, Any]], None]:
    """Change one table of the manifest."""
    return lambda found: found["tables"][0].update(values)


def truncated(name: str) -> Harm:
    """Cut the last bytes of a file off."""
    return lambda shelf: os.truncate(shelf.path / name, 300)


def replayed(shelf: Shelf) -> None:
    """Manifest and signature of another export of the same shop."""
    other = Shelf(shelf.shop, shelf.directory / "other")
    other.directory.mkdir()
    other.export()
    for name in ("manifest.json", "manifest.sig"):
        shutil.copy(other.path / name, shelf.path / name)


HARMS: dict[str, tuple[Harm, str]] = {
    "flipped manifest": (lambda s: flip(s.path / "manifest.json"), "signature of"),
    "flipped signature": (lambda s: flip(s.path / "manifest.sig"), "signature"),
    "flipped plan": (lambda s: flip(s.path / "plan.json"), "not the plan"),
    "flipped journal": (lambda s: flip(s.path / "journal.jsonl"), "Line .* journal"),
    "flipped chunk": (lambda s: flip(chunk(s)), "is damaged: its SHA-256"),
    "longer chunk": (
        lambda s: chunk(s).write_bytes(chunk(s).read_bytes() + b"x"),
        "at most .* are expected",
    ),
    "shorter chunk": (lambda s: os.truncate(chunk(s), 100), "has 100 bytes"),
    "missing chunk": (lambda s: chunk(s).unlink(), "is missing"),
    "missing structure": (lambda s: chunk(s, 0).unlink(), "is missing"),
    "missing directory": (lambda s: shutil.rmtree(s.path / "chunks"), "is missing"),
    "missing manifest": (lambda s: (s.path / "manifest.json").unlink(), "is missing"),
    "missing signature": (lambda s: (s.path / "manifest.sig").unlink(), "is missing"),
    "missing plan": (lambda s: (s.path / "plan.json").unlink(), "is missing"),
    "missing journal": (
        lambda s: (s.path / "journal.jsonl").unlink(),
        "does not end where",
    ),
    "shorter manifest": (truncated("manifest.json"), "signature of"),
    "shorter journal": (truncated("journal.jsonl"), "does not end where|Line 1"),
    "shorter plan": (truncated("plan.json"), "not the plan"),
    "link": (lambda s: instead(chunk(s), elsewhere), "is a link"),
    "link for a manifest": (
        lambda s: instead(s.path / "manifest.json", elsewhere),
        "is a link",
    ),
    "linked directory": (linked_directory, "is no directory"),
    "pipe": (lambda s: instead(chunk(s), pipe_at), "no plain file"),
    "pipe for a signature": (
        lambda s: instead(s.path / "manifest.sig", pipe_at),
        "no plain file",
    ),
    "device": (lambda s: instead(chunk(s), device_at), "no plain file"),
    "socket": (lambda s: instead(chunk(s), socket_at), "cannot be read"),
    "directory": (lambda s: instead(chunk(s), Path.mkdir), "no plain file"),
    "huge signature": (
        lambda s: (s.path / "manifest.sig").write_bytes(bytes(10_000)),
        "at most 4096",
    ),
    "other key": (resigned(lambda found: None, "f" * 40), "signature of"),
    "other algorithm": (
        lambda s: (s.path / "manifest.sig").write_text(
            '{"algorithm": "none", "signature": ""}'
        ),
        "names the algorithm 'none'",
    ),
    "replayed manifest": (replayed, "not the plan that the manifest"),
    "bomb": (bomb, "unpacks to more than"),
    "dots in a digest": (resigned(set_chunk(digest="../../../etc/passwd")), "is named"),
    "absolute digest": (resigned(set_chunk(digest="/etc/passwd")), "is named"),
    "impossible size": (resigned(set_chunk(stored_bytes=-1)), "impossible sizes"),
    "huge size": (resigned(set_chunk(raw_bytes=2**60)), "impossible sizes"),
    "unknown table": (resigned(set_chunk(table=99)), "of an unknown table"),
    "chunk twice": (resigned(set_chunk(number=4)), "chunk is named twice"),
    "wrong rows": (resigned(set_chunk(rows=7)), "the manifest says 7"),
    "wrong length": (resigned(set_chunk(raw_bytes=10**6)), "unpacks to"),
    "name with a zero": (resigned(set_table(name="a\0b")), "no name in PostgreSQL"),
    "long name": (resigned(set_table(name="x" * 64)), "no name in PostgreSQL"),
    "SQL in a format": (resigned(set_table(format="text); --")), "the format of"),
    "another format": (resigned(lambda f: f.update(format=99)), "has format 99"),
    "no manifest": (
        lambda s: (
            (s.path / "manifest.json").write_text("[]"),
            (s.path / "manifest.sig").write_bytes(signature_text(b"[]", KEY)),
        )[0],
        "is no manifest",
    ),
}


class TestHarm:
    """Refused in one sentence, and nothing of it is in the target."""

    @pytest.mark.parametrize("name", HARMS)
    def test_is_refused(self, shelf: Shelf, name: str) -> None:
        shelf.export()
        harm, said = HARMS[name]
        harm(shelf)
        with pytest.raises(MigrateError, match=said) as refused:
            shelf.import_()
        assert "\n" not in str(refused.value)
        there = shelf.ledger()
        assert 5 not in there
        if there:  # chunks that came before are whole
            found = shelf.shop.sql("new", "SELECT count(*) FROM items")[0][0]
            assert found <= 3000

    def test_sql_in_names_is_a_name(self, shelf: Shelf) -> None:
        """Signed by the right key even: it is quoted."""
        shelf.export()
        resigned(set_table(name='x"; DROP TABLE labels; --'))(shelf)
        with pytest.raises(StateConflict, match="lacks the table"):
            shelf.import_(structure="none")


class TestStrangers:
    """What is in the target and in no ledger is nobody's to mix."""

    def test_rows_without_a_ledger_are_refused(self, shelf: Shelf) -> None:
        shelf.export()
        shelf.shop.sql("new", "CREATE TABLE labels (code text, body text)")
        with pytest.raises(StateConflict, match="Make all tables of the export"):
            shelf.import_()
        shelf.shop.sql("new", "DROP TABLE labels")
        shelf.import_()
        shelf.shop.sql("new", "DELETE FROM hal9_migrate.import")
        with pytest.raises(StateConflict, match="already has rows in public"):
            shelf.import_()
        assert shelf.sums("new") == shelf.sums("legacy")

    def test_emptied_tables_are_not_taken_for_imported(self, shelf: Shelf) -> None:
        shelf.export()
        shelf.import_()
        shelf.shop.sql("new", "UPDATE hal9_migrate.import SET finished_at = NULL")
        shelf.shop.sql("new", "TRUNCATE labels")
        with pytest.raises(StateConflict, match=r"public\.labels were imported, but"):
            shelf.import_()

    def test_triggers_that_are_on_are_refused(self, shelf: Shelf) -> None:
        shelf.export()
        shelf.import_()
        shelf.shop.sql("new", "DELETE FROM hal9_migrate.import")
        shelf.shop.sql("new", "TRUNCATE orders, items, labels, nokey, days")
        shelf.shop.sql("new", 'TRUNCATE "we""ird; DROP"')
        with pytest.raises(StateConflict, match=r"public\.orders \(stamped\)"):
            shelf.import_()

    def test_an_older_export_in_its_place_is_refused(self, shelf: Shelf) -> None:
        shelf.export()
        with pytest.raises(StateConflict, match="f00 is required"):
            shelf.import_(export="f00")


class TestVerification:
    """Equal is said of a whole export alone, and of equal rows."""

    def verified(self, shelf: Shelf, side: Any = None) -> dict[str, Any]:
        """What the verification says."""
        site = shelf.shop.site
        return ExportVerification(site, str(shelf.path), KEY, side).run()

    def test_a_whole_export_is_equal_to_both(self, shelf: Shelf) -> None:
        shelf.export()
        assert self.verified(shelf)["equal"]
        assert (self.verified(shelf, "legacy")["equal"]) is True
        shelf.import_()
        told = self.verified(shelf, "new")
        assert (told["equal"], told["rows"]) == (True, ROWS)

    def test_a_flipped_bit_is_named(self, shelf: Shelf) -> None:
        shelf.export()
        flip(chunk(shelf))
        told = self.verified(shelf)
        assert (told["equal"], len(told["damaged"])) == (False, 1)
        assert chunk(shelf).name in told["damaged"][0]

    def test_rows_that_differ_are_named(self, shelf: Shelf) -> None:
        shelf.export()
        shelf.import_()
        shelf.shop.sql("new", "UPDATE orders SET amount = amount + 0.01 WHERE id = 123")
        shelf.shop.sql("new", "DELETE FROM items WHERE order_id = 77")
        shelf.shop.sql("new", "INSERT INTO labels VALUES ('zz', NULL)")
        shelf.shop.sql("new", "INSERT INTO nokey SELECT * FROM nokey WHERE a = 9")
        found = self.verified(shelf, "new")
        assert found["equal"] is False
        named = {(d["table"], d["key"], d["kind"]) for d in found["differing"]}
        assert named == {
            ("public.orders", "123", "changed"),
            ("public.items", "(77,1)", "lost"),
            ("public.labels", "zz", "extra"),
            ("public.nokey", "(9,b,public.orders)", "doubled"),
        }

    def test_a_filtered_export_is_compared_by_its_filter(self, shelf: Shelf) -> None:
        from ansible_collections.hal9.migrate.plugins.module_utils._core.export_selection import (
            Selection,
        )

        shelf.export(
            selection=Selection(tables=("items",), filters={"items": "order_id < 10"})
        )
        assert self.verified(shelf, "legacy")["equal"]
        shelf.shop.sql("legacy", "UPDATE items SET what = 'x' WHERE order_id = 10")
        assert self.verified(shelf, "legacy")["equal"]
        shelf.shop.sql("legacy", "UPDATE items SET what = 'x' WHERE order_id = 9")
        found = self.verified(shelf, "legacy")["differing"]
        assert [each["key"] for each in found] == ["(9,1)"]
