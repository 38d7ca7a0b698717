"""What several commands share: options, tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ConfigOption", "JsonOption", "KeyOption", "UrlOption", "is_terminal", "print_table"]

ConfigOption = Annotated[Path | None, typer.Option("--config", help="The configuration file.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
UrlOption = Annotated[
    str | None, typer.Option(help="The server. Left out: the one of the configuration.", show_default=False)
]
KeyOption = Annotated[
    str | None, typer.Option(help="Left out: $TURNOUT_API_KEY, else the first key.", show_default=False)
]


def is_terminal() -> bool:
    """Whether somebody reads along."""
    return sys.stdout.isatty()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> None:
    """A table for a reader; for a program, one row a line with tabs between its cells. *right* columns are numbers."""
    if not is_terminal():
        for row in (columns, *rows):
            typer.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False, markup=False).print(table)
