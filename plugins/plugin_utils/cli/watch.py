# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look again and again: a live picture on a screen, one text after the other
without.
"""

from __future__ import annotations

import time
from typing import Any, Callable

from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import terminal
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit

Look = Callable[[], tuple[Exit, Any]]


def follow(look: Look, interval: float, *, live: bool) -> Exit:
    """Show every look until Ctrl-C, which is how a watch ends; a look that fails is
    shown and tried again.
    """
    try:
        if live:
            _live(look, interval)
        else:
            _in_turn(look, interval)
    except KeyboardInterrupt:
        pass
    return Exit.DONE


def _in_turn(look: Look, interval: float) -> None:
    while True:
        code, drawn = look()
        if code is Exit.INTERRUPTED:
            return
        if drawn is not None:
            terminal.tell(drawn) if isinstance(drawn, str) else terminal.show(drawn)
        time.sleep(interval)


def _live(look: Look, interval: float) -> None:
    """Keep the last picture on the screen, and say under it how old it is."""
    from rich.console import Group
    from rich.live import Live

    picture: Any = ""
    with Live(screen=True, auto_refresh=False) as screen:
        while True:
            began = time.time()
            with terminal.complaints_kept() as complaints:
                code, drawn = look()
            if code is Exit.INTERRUPTED:
                return
            if drawn is not None:
                picture = Group(drawn, _seen_at(began))
            screen.update(Group(picture, *complaints), refresh=True)
            time.sleep(interval)


def _seen_at(began: float) -> str:
    moment = time.strftime("%H:%M:%S", time.gmtime(began))
    took = time.time() - began
    return f"Seen at {moment} UTC (a look takes {took:.0f} s); Ctrl-C ends the watch."
