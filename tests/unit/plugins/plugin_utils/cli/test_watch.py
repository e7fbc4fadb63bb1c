# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A watch looks again and again until somebody ends it."""

from __future__ import annotations

from typing import Any, Self

import pytest

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import terminal, watch
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit


class Looks:
    """Gives one answer after the other, then Ctrl-C."""

    def __init__(self, *answers: tuple[Exit, Any]) -> None:
        self.answers = list(answers)

    def __call__(self) -> tuple[Exit, Any]:
        if not self.answers:
            raise KeyboardInterrupt
        return self.answers.pop(0)


class TestFollow:
    def test_shows_every_look_and_ends_well(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        looks = Looks((Exit.DONE, "one"), (Exit.DONE, "two"))
        assert watch.follow(looks, 0, live=False) is Exit.DONE
        assert capsys.readouterr().out == "one\ntwo\n"

    def test_a_look_that_fails_does_not_end_it(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        looks = Looks((Exit.UNREACHABLE, None), (Exit.DONE, "back"))
        watch.follow(looks, 0, live=False)
        assert capsys.readouterr().out == "back\n"

    @pytest.mark.parametrize("live", [True, False])
    def test_an_interrupt_within_a_look_ends_it(self, live: bool) -> None:
        looks = Looks((Exit.INTERRUPTED, None), (Exit.DONE, "never"))
        assert watch.follow(looks, 0, live=live) is Exit.DONE
        assert len(looks.answers) == 1

    def test_a_screen_shows_what_failed_beside_the_last_picture(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shown: list[str] = []

        class Screen:
            def __init__(self, **_options: Any) -> None: ...

            def __enter__(self) -> Self:
                return self

            def __exit__(self, *_exc: object) -> None: ...

            def update(self, drawn: Any, **_options: Any) -> None:
                shown.append(terminal.as_text(drawn))

        def look() -> tuple[Exit, Any]:
            if len(shown) == 2:
                raise KeyboardInterrupt
            if shown:
                terminal.complain("control1 does not answer.")
                return Exit.UNREACHABLE, None
            return Exit.DONE, "shop: canary"

        monkeypatch.setattr("rich.live.Live", Screen)
        watch.follow(look, 0, live=True)
        assert "Error" not in shown[0]
        assert "Seen at" in shown[1]
        assert "shop: canary" in shown[1]
        assert "Error: control1 does not answer." in shown[1]
