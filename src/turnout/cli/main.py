"""The commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from turnout import __version__

__all__ = ["application", "main"]

application = typer.Typer(
    name="turnout", no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="A self-hosted gateway to every large language model.",
)  # fmt: skip

ConfigOption = Annotated[Path | None, typer.Option("--config", help="The configuration file.", show_default=False)]


def main() -> None:
    """Run the command line; exit status 0 for success, 1 for failure, 2 for bad usage or configuration."""
    application()


@application.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:  # noqa: FBT002 - a flag
    if version:
        typer.echo(f"turnout {__version__}")
        raise typer.Exit


@application.command()
def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.", show_default=False)] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.", show_default=False)] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where state is kept.", show_default=False)] = None,
) -> None:
    """Serve the API."""
    from turnout.app import serve as serving  # noqa: PLC0415 - other commands need not wait for it

    values = {"host": host, "port": port, "workers": workers, "data_dir": None if data_dir is None else str(data_dir)}
    flags = {"server": {name: value for name, value in values.items() if value is not None}}
    with _clear_errors():
        serving.serve(config, flags, lambda text: print(text, flush=True))  # noqa: T201 - the operator reads it


@contextmanager
def _clear_errors() -> Iterator[None]:
    """One clear line and the right exit status for what the operator can mend."""
    from turnout.base.errors import TurnoutError  # noqa: PLC0415 - only when something runs
    from turnout.config import BadConfiguration  # noqa: PLC0415 - the same

    try:
        yield
    except BadConfiguration as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except (TurnoutError, OSError) as error:
        typer.echo(f"turnout: {error}", err=True)
        raise typer.Exit(1) from None
