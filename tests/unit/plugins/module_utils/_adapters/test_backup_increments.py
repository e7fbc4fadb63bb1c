# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.hal9.migrate.plugins.module_utils._adapters.backup import (
    increments,
)


class TestSignature:
    @pytest.mark.parametrize(
        ("size", "block"),
        [(0, 1024), (1 << 30, 1024), ((1 << 30) + 1, 2048), (100 << 30, 131072)],
    )
    def test_a_large_dump_has_no_more_blocks_than_fit_in_memory(
        self, monkeypatch: pytest.MonkeyPatch, size: int, block: int
    ) -> None:
        monkeypatch.setattr(increments, "_rdiff", lambda: "rdiff")
        command = increments._signature(size, "-", "signature")
        assert command == ["rdiff", "-b", str(block), "signature", "-", "signature"]
        assert size / block <= increments.BLOCKS


class TestBasis:
    def test_it_keeps_the_digest_of_all_that_went_by(self) -> None:
        basis = increments.Basis("parent", "signature")
        for block in (b"a", b"bc", b""):
            basis.seen.update(block)
        abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert basis.facts() == {"dump_sha256": abc}
        assert increments.Basis("other", "signature").facts() != basis.facts()
