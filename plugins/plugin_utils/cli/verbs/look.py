# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs that only look: pre-check, status, report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.hal9.migrate.plugins.module_utils._core.errors import (
    InvalidSpec,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import (
    terminal,
    watch,
    work,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.libraries import click
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.options import (
    Verb,
    format_of,
    format_option,
    settings_of,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.playbook import Play


@click.command(cls=Verb)
@click.option(
    "--deep", is_flag=True, help="Also watch requests and database sessions for 5 s."
)
@click.option(
    "--components", default="", metavar="A,B", help="Only these, separated by commas."
)
@click.option(
    "--output", type=click.Path(dir_okay=False), help="Write it to this file instead."
)
@format_option("html")
@click.pass_context
def pre_check(
    ctx: click.Context,
    *,
    deep: bool,
    components: str,
    output: str | None,
    output_format: str | None,
) -> Exit:
    """Say whether the migration can begin, and what to do where it cannot.

    \b
    Changes nothing. Exit code 0 is green, 3 is red.

    \b
    Examples:
      hal9-migrate pre-check
      hal9-migrate pre-check --deep --components router,database
      hal9-migrate pre-check --format html --output pre-check.html
    """
    # Drawing is imported by the verbs that draw.
    from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show import (
        precheck,
    )

    wanted = [part.strip() for part in components.split(",") if part.strip()]
    variables: dict[str, Any] = {"hal9_precheck_deep": deep}
    if wanted:
        variables["hal9_precheck_components"] = wanted
    play = Play("precheck", variables)
    code, document = work.fetch(play, settings_of(ctx), "precheck.json")
    if not document:
        return code
    found = precheck.parse(document)
    drawn = precheck.render(found, format_of(ctx, output_format), wanted)
    _put(drawn, output)
    return Exit.DONE if found.ok else Exit.REFUSED


def _put(rendered: Any, output: str | None) -> None:
    """Show on the terminal, or write text to a file."""
    if output is None:
        terminal.tell(rendered) if isinstance(rendered, str) else terminal.show(
            rendered
        )
        return
    text = rendered if isinstance(rendered, str) else terminal.as_text(rendered)
    try:
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidSpec(f"{output} cannot be written: {error.strerror}.") from error
    terminal.tell(f"Written to {output}.")


@click.command(cls=Verb)
@click.option(
    "--detailed", is_flag=True, help="Also workers, counters and the last events."
)
@click.option(
    "--watch", "watching", is_flag=True, help="Again and again, until Ctrl-C."
)
@click.option(
    "--interval",
    type=click.FloatRange(1, 5),
    default=2.0,
    show_default=True,
    help="Seconds between two looks of --watch.",
)
@format_option()
@click.pass_context
def status(
    ctx: click.Context,
    *,
    detailed: bool,
    watching: bool,
    interval: float,
    output_format: str | None,
) -> Exit:
    """Show where the migration stands, by the journal and by every router.

    \b
    Examples:
      hal9-migrate status
      hal9-migrate status --detailed --format table
      hal9-migrate status --watch
      hal9-migrate status --format json
    """
    from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show import (
        status as drawing,
    )

    settings, chosen = settings_of(ctx), format_of(ctx, output_format)

    def look() -> tuple[Exit, Any]:
        code, document = work.fetch(Play("status"), settings, "status.json")
        if not document:
            return code, None
        if chosen == "json":
            return code, drawing.as_json(document, indent=None if watching else 2)
        found = drawing.parse(document)
        return code, drawing.render(found, chosen, detailed=detailed)

    if watching:
        live = terminal.has_screen() and chosen != "json"
        return watch.follow(look, interval, live=live)
    code, drawn = look()
    if drawn is not None:
        _put(drawn, None)
    return code


@click.command(cls=Verb)
@click.option(
    "--output", type=click.Path(file_okay=False), help="Directory to write it to."
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(("html", "json")),
    default="html",
    show_default=True,
    help="Which of the two files to name at the end.",
)
@click.pass_context
def report(ctx: click.Context, *, output: str | None, output_format: str) -> Exit:
    """Write the report of the migration so far, as one HTML page and as JSON.

    \b
    Examples:
      hal9-migrate report
      hal9-migrate report --format json --output /var/www/reports
    """
    variables: dict[str, Any] = {}
    if output:
        variables["hal9_report_directory"] = str(Path(output).resolve())
    play = Play("report", variables)
    code, document = work.fetch(play, settings_of(ctx), "report.json")
    if document:
        terminal.tell(str(document.get(output_format, "")))
    return code
