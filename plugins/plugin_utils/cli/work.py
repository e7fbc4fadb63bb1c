# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a playbook for a verb: show its progress, read the document it leaves, tell its
end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    MigrateError,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import (
    playbook,
    terminal,
    words,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.outcome import (
    Outcome,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.playbook import Play
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.progress import Progress
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.settings import (
    Settings,
    check,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.state_lines import Line

GO_ON = (
    "Interrupted. What was begun is in the journal; run the same command again to go"
    " on. Until then the routers use the share only as long as the lease lasts, and"
    " then the fallback. `hal9-migrate status` shows where it stands."
)


def perform(play: Play, settings: Settings, done: str = "") -> Exit:
    """Run the playbook with its progress on the terminal, and return how it ended.

    ``done`` is the last word when all went well; {share} in it is the share then.
    """
    check(settings)
    progress, outcome = Progress(settings.verbosity, is_dry=play.check), Outcome()
    if play.check:
        terminal.tell("Dry run: what would happen. Nothing is changed.")

    spoke = False

    def listen(event: Mapping[str, Any]) -> None:
        nonlocal spoke
        outcome.hear(event)
        for line in progress.lines(event):
            spoke = True
            terminal.say(line)
        if play.check:
            _show_diff(event)

    code = _conclude(outcome, playbook.run(play, settings, listen))
    if code is Exit.DONE and play.name == "migrate" and not play.check:
        if spoke:
            _tell_of_lease(outcome)
        else:
            terminal.say(Line("Nothing is left to do here; see `hal9-migrate status`."))
    if code is Exit.DONE and done and not play.check:
        terminal.say(Line(done.format(share=words.share(outcome.share or 0)), "good"))
    return code


def _tell_of_lease(outcome: Outcome) -> None:
    """Say what becomes of a share that is held by a lease, now that nobody
    renews it.
    """
    share, fallback = outcome.share, outcome.fallback
    if share is not None and share != fallback:
        terminal.say(
            Line(
                f"The share {words.share(share)} holds as long as the lease lasts; "
                f"after that the fallback {words.share(fallback or 0)} applies until "
                "the next step begins. `hal9-migrate hold` renews it.",
                "faint",
            )
        )


def fetch(play: Play, settings: Settings, name: str) -> tuple[Exit, dict[str, Any]]:
    """Run the playbook silently and return the document ``name`` that it wrote, and
    how it ended.
    """
    outcome, ended, found = _documents(play, settings, name)
    if ended.interrupted:
        return Exit.INTERRUPTED, {}
    if not found:
        return _concluded(play, outcome, ended, name), {}
    return outcome.exit(ended), found[0]


def fetch_all(
    play: Play, settings: Settings, names: str
) -> tuple[Exit, list[dict[str, Any]]]:
    """Run it likewise and return all documents whose names match; a failure is told
    even where some of them were written.
    """
    outcome, ended, found = _documents(play, settings, names)
    if ended.interrupted or (found and outcome.exit(ended) is Exit.DONE):
        return outcome.exit(ended), found
    return _concluded(play, outcome, ended, names), found


def _documents(
    play: Play, settings: Settings, names: str
) -> tuple[Outcome, playbook.Ended, list[dict[str, Any]]]:
    check(settings)
    outcome = Outcome()
    with playbook.private_directory() as directory:
        variables = {**play.variables, "hal9_output": str(directory)}
        ended = playbook.run(replace(play, variables=variables), settings, outcome.hear)
        read = [_read(path) for path in sorted(directory.glob(names))]
    return outcome, ended, [document for document in read if document is not None]


def _concluded(play: Play, outcome: Outcome, ended: playbook.Ended, names: str) -> Exit:
    """Tell a failure; raise where there is none, since a document is missing then."""
    code = _conclude(outcome, ended)
    if code is Exit.DONE:
        raise MigrateError(
            f"The playbook hal9.migrate.{play.name} ended well but left no {names}."
            " It may be of another version than this command."
        )
    return code


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise MigrateError(
            f"{path.name} of the playbook is not JSON: {error}."
        ) from error
    return document if isinstance(document, dict) else {"items": document}


def _conclude(outcome: Outcome, ended: playbook.Ended) -> Exit:
    code = outcome.exit(ended)
    if code is Exit.INTERRUPTED:
        terminal.hint(GO_ON)
    elif code is not Exit.DONE:
        reason = outcome.reason() or _unexplained(outcome, ended)
        terminal.complain(reason)
        if outcome.next_command() and outcome.next_command() not in reason:
            terminal.hint(f"Next: {outcome.next_command()}")
    return code


def _unexplained(outcome: Outcome, ended: playbook.Ended) -> str:
    if outcome.output:
        return outcome.output
    return f"ansible-playbook ended with {ended.code}; run again with -vv to see why."


def _show_diff(event: Mapping[str, Any]) -> None:
    data = event.get("event_data") or {}
    diff = (data.get("res") or {}).get("diff")
    for part in diff if isinstance(diff, list) else [diff]:
        if event.get("event") == "runner_on_ok" and part and "prepared" in part:
            terminal.tell(str(part["prepared"]).rstrip())
