"""All commands together, and how they end."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from turnout import __version__
from turnout.base.errors import TurnoutError
from turnout.cli import accounts, auto, catalog, chat, configuration, doctor, explain, keys, query, replay, serving

__all__ = ["application", "run"]

application = typer.Typer(
    name="turnout", no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="A self-hosted gateway to every large language model.",
)  # fmt: skip
application.command()(serving.serve)
application.command()(serving.fake)
application.add_typer(configuration.commands, name="config")
application.add_typer(keys.commands, name="keys")
application.add_typer(accounts.commands, name="accounts")
application.add_typer(catalog.commands, name="catalog")
application.add_typer(query.commands, name="query")
application.add_typer(auto.commands, name="auto")
application.command()(chat.chat)
application.command()(explain.explain)
application.command()(replay.replay)
application.command()(doctor.doctor)


@application.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(f"turnout {__version__}")
        raise typer.Exit


def run() -> None:
    """Run the command that was asked for, and exit with its status; what went wrong is told in one line."""
    try:
        status = application(prog_name="turnout", standalone_mode=False)
    except typer.TyperException as error:
        sys.exit(_usage(error))
    except (TurnoutError, OSError) as error:
        sys.exit(_failure(error))
    except Exception as error:
        from turnout.config import BadConfiguration

        if not isinstance(error, BadConfiguration):
            raise
        typer.echo(str(error), err=True)
        sys.exit(2)
    sys.exit(status or 0)


def _usage(error: typer.TyperException) -> int:
    """Tell of bad usage; the status."""
    message = getattr(error, "format_message", lambda: str(error))()
    context = getattr(error, "ctx", None)
    if not message.strip() or type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(message, err=True)
    else:
        command = context.command_path if context is not None else "turnout"
        typer.echo(f"turnout: {' '.join(message.split()).rstrip('.')} (see {command} --help)", err=True)
    return int(getattr(error, "exit_code", 2))


def _failure(error: TurnoutError | OSError) -> int:
    """Tell of a failure; the status."""
    typer.echo(f"turnout: {' '.join(str(error).split())}", err=True)
    return 1
