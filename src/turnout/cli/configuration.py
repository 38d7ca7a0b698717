"""Commands about the configuration: judge it, show it, describe it."""

from __future__ import annotations

import json

import typer

from turnout.cli.options import ConfigOption

__all__ = ["commands"]

commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Check, show or describe the configuration.")


@commands.command()
def check(config: ConfigOption = None) -> None:
    """Say whether the configuration is right; one line for each mistake."""
    from turnout.app.configuration import load_configuration

    loaded = load_configuration(config)
    for warning in loaded.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"{loaded.path or 'No file, only defaults and the environment'}: fine")


@commands.command()
def show(config: ConfigOption = None) -> None:
    """Print the configuration in effect as TOML, secrets masked, each value with its origin."""
    from turnout.app.configuration import load_configuration
    from turnout.config import show as shown

    typer.echo(shown(load_configuration(config)), nl=False)


@commands.command()
def schema(config: ConfigOption = None) -> None:  # noqa: ARG001 - every command takes it; this one needs nothing of it
    """Print the JSON Schema of the configuration file, for editors."""
    from turnout.config import schema as described

    typer.echo(json.dumps(described(), indent=2, ensure_ascii=False))
