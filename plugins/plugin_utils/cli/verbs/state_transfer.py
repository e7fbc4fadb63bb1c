# Copyright: (c) 2026, hal9.migrate contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs about exports: state export, import, manifest, verify."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Callable

from ansible_collections.hal9.migrate.plugins.module_utils._core.export_selection import (
    parsed_filters,
)
from ansible_collections.hal9.migrate.plugins.module_utils._core.spec_values import (
    bytes_of,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli import (
    terminal,
    work,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.exits import Exit
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.kinds import Duration
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.libraries import click
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.options import (
    Verb,
    format_of,
    format_option,
    settings_of,
)
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.playbook import Play
from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.variables import Value

SIDES = click.Choice(("legacy", "new"))


class Size(click.ParamType):  # type: ignore[type-arg]
    """A size with a unit: 512KiB, 20MB."""

    name = "size"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002 (click gives it)
        ctx: click.Context | None,  # noqa: ARG002 (click gives it)
    ) -> int:
        """Return bytes, or refuse."""
        if isinstance(value, int):
            return value
        try:
            return int(bytes_of(str(value)))
        except (ValueError, KeyError, IndexError, ArithmeticError):
            self.fail(f"{value} is not a size, such as 512KiB, 20MB or 1GB.")


def _with(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return one decorator for several, the first one on top."""

    def decorate(verb: Any) -> Any:
        for option in reversed(options):
            verb = option(verb)
        return verb

    return decorate


item_option = click.option(
    "--item", default="", help="The state item; the first with an export_key if absent."
)
_gently = _with(
    click.option(
        "--workers", type=click.IntRange(1, 64), default=2, help="Sessions at once."
    ),
    click.option(
        "--rows-per-second", type=float, default=0.0, help="At most; 0 is no limit."
    ),
    click.option(
        "--bytes-per-second", type=Size(), default=0, help="At most, such as 20MB."
    ),
    click.option(
        "--max-lag", type=Size(), default=0, help="Wait while a replica lags more."
    ),
    click.option(
        "--max-load", type=float, default=0.0, help="Wait while the load is higher."
    ),
)
_category = click.option(
    "--category", "categories", multiple=True, help="Only this one (again for more)."
)
dry_run = click.option("--dry-run", is_flag=True, help="Look, and change nothing.")


@click.command(cls=Verb)
@click.argument("path")
@item_option
@click.option("--side", type=SIDES, default="legacy", help="Whose database.")
@click.option(
    "--table", "tables", multiple=True, help="Only this one, or * (again for more)."
)
@_category
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="TABLE: CONDITION",
    help="Only these rows of a table, by SQL (again for more tables).",
)
@click.option(
    "--compression", type=click.Choice(("zstd", "none")), default="zstd", help="How."
)
@click.option("--chunk", type=Size(), default=33554432, help="Size of a piece: 32MiB.")
@click.option("--no-structure", is_flag=True, help="Leave the structure out.")
@click.option(
    "--on-lost-snapshot",
    type=click.Choice(("fail", "restart")),
    default="fail",
    help="When the snapshot of a broken off export is gone.",
)
@click.option(
    "--hold", type=Duration(), default=900.0, help="Keep the snapshot so long: 15m."
)
@_gently
@dry_run
@format_option()
@click.pass_context
def export(ctx: click.Context, /, **chosen: Any) -> Exit:
    """Export a database into PATH, a directory on the item's host.

    Broken off and run again, it goes on where it stopped.

    \b
    Examples:
      hal9-migrate state export /var/backups/orders-1
      hal9-migrate state export /var/backups/orders-2 --table orders \\
        --filter "orders: at >= '2026-01-01'" --bytes-per-second 20MB
      hal9-migrate state export /var/backups/orders-1 --on-lost-snapshot restart
    """
    variables = {
        **_shared(chosen),
        "tables": list(chosen["tables"]),
        "compression": chosen["compression"],
        "chunk_bytes": chosen["chunk"],
        "with_structure": not chosen["no_structure"],
        "lost_snapshot": chosen["on_lost_snapshot"],
        "hold_seconds": chosen["hold"],
    }
    for table, condition in parsed_filters(chosen["filters"]).items():
        variables.setdefault("filters", {})[table] = condition
    return _run(ctx, "state_export", variables, chosen)


@click.command("import", cls=Verb)
@click.argument("path")
@item_option
@click.option("--side", type=SIDES, default="new", help="Into whose database.")
@_category
@click.option(
    "--structure",
    type=click.Choice(("all", "no-foreign-keys", "none")),
    default="all",
    help="What of the structure is made.",
)
@click.option("--no-owners", is_flag=True, help="Leave owners and privileges out.")
@click.option("--export", "name", default="", help="The name that it must have.")
@_gently
@dry_run
@format_option()
@click.pass_context
def import_(ctx: click.Context, /, **chosen: Any) -> Exit:
    """Import the export in PATH into a database.

    Nothing is believed that is not signed. Broken off and run again, it goes on with
    the chunks that the database lacks.

    \b
    Examples:
      hal9-migrate state import /var/backups/orders-1 --dry-run
      hal9-migrate state import /var/backups/orders-1
    """
    variables = {
        **_shared(chosen),
        "structure": chosen["structure"].replace("-", "_"),
        "owners": not chosen["no_owners"],
        "export": chosen["name"],
    }
    return _run(ctx, "state_import", variables, chosen)


@click.command(cls=Verb)
@click.argument("path")
@item_option
@format_option()
@click.pass_context
def manifest(
    ctx: click.Context, *, path: str, item: str, output_format: str | None
) -> Exit:
    """Show what the export in PATH holds, once its signature is checked.

    \b
    Example:
      hal9-migrate state manifest /var/backups/orders-1
    """
    from ansible_collections.hal9.migrate.plugins.plugin_utils.cli.show import (
        exports,
    )

    variables: dict[str, Any] = {"path": path, "item": item}
    play = Play("state_manifest", _named(variables))
    code, document = work.fetch(play, settings_of(ctx), "transfer.json")
    if document and code is Exit.DONE:
        drawn = exports.render(document, format_of(ctx, output_format))
        terminal.tell(drawn) if isinstance(drawn, str) else terminal.show(drawn)
    return code


@click.command(cls=Verb)
@click.option(
    "--export", "path", default="", metavar="PATH", help="Check this export instead."
)
@click.option(
    "--item",
    default="",
    help="The state item; absent: each one, of exports the first with an export_key.",
)
@click.option("--side", type=SIDES, default=None, help="Compare the export with it.")
@format_option()
@click.pass_context
def verify(ctx: click.Context, /, **chosen: Any) -> Exit:
    """Compare both sides of the state row by row, or an export with its manifest.

    With --side the rows of the export are compared with that side's database too. Keys
    that differ are named, and the command does not end with 0.

    \b
    Examples:
      hal9-migrate state verify
      hal9-migrate state verify --item orders
      hal9-migrate state verify --export /var/backups/orders-1
      hal9-migrate state verify --export /var/backups/orders-1 --side new
    """
    if chosen["side"] and not chosen["path"]:
        raise click.UsageError("--side is what an export is compared with: --export.")
    variables = {name: chosen[name] or "" for name in ("path", "item", "side")}
    play = Play("state_verify", _named(variables))
    if format_of(ctx, chosen["output_format"]) == "json":
        return _document(ctx, play)
    return work.perform(play, settings_of(ctx))


def _shared(chosen: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "path": chosen["path"],
        "item": chosen["item"],
        "side": chosen["side"],
        "categories": list(chosen["categories"]),
        "workers": chosen["workers"],
        "rows_per_second": chosen["rows_per_second"],
        "bytes_per_second": chosen["bytes_per_second"],
        "max_lag_bytes": chosen["max_lag"],
        "max_load": chosen["max_load"],
    }


def _named(variables: Mapping[str, Any]) -> dict[str, Value]:
    return {f"state_transfer_{name}": value for name, value in variables.items()}


def _run(
    ctx: click.Context,
    name: str,
    variables: Mapping[str, Any],
    chosen: Mapping[str, Any],
) -> Exit:
    """Show progress and a last line; as JSON the result alone."""
    play = Play(name, _named(variables), check=chosen["dry_run"])
    if format_of(ctx, chosen["output_format"]) != "json":
        return work.perform(play, settings_of(ctx))
    return _document(ctx, play)


def _document(ctx: click.Context, play: Play) -> Exit:
    code, document = work.fetch(play, settings_of(ctx), "transfer.json")
    if document:
        left = ("ansible_job_id", "results_file", "started", "finished", "failed")
        told = {key: value for key, value in document.items() if key not in left}
        terminal.tell(json.dumps(told, indent=2, sort_keys=True))
    return code


VERBS = (export, import_, manifest, verify)
