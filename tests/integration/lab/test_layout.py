"""The lab's files lie where a person looks, or where servers can live."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.lab.layout import Lab


class TestHome:
    def test_it_is_with_the_records_where_everybody_may_enter(
        self, place: Path
    ) -> None:
        lab = Lab.at(20000, place / "lab")
        assert lab.home == lab.records == place / "lab"

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root changes user")
    def test_a_checkout_closed_to_the_databases_user_has_it_elsewhere(
        self, place: Path
    ) -> None:
        closed = place / "closed"
        (closed / "checkout").mkdir(parents=True)
        closed.chmod(0o700)
        lab = Lab.at(20000, closed / "checkout" / ".lab")
        assert lab.home.parent == Path("/var/tmp")
        assert lab.records == closed / "checkout" / ".lab"

    def test_a_path_too_long_for_sockets_has_it_elsewhere(self, place: Path) -> None:
        lab = Lab.at(20000, place / ("long" * 20))
        assert lab.home.parent == Path("/var/tmp")

    def test_two_checkouts_never_share_it(self, place: Path) -> None:
        homes = {Lab.at(20000, place / (name * 80)).home for name in "ab"}
        assert len(homes) == 2


class TestMakeSecrets:
    def test_they_are_kept_from_others_and_from_run_to_run(self, place: Path) -> None:
        lab = Lab.at(20000, place / "lab")
        lab.make_secrets()
        first = lab.secrets()
        lab.make_secrets()
        assert lab.secrets() == first
        assert lab.environment_file.stat().st_mode & 0o077 == 0
        assert first["HAL9_LAB_PORT"] == "20000"
