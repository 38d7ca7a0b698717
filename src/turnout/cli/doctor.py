"""A look at this installation: would it serve?"""

from __future__ import annotations

import asyncio

import typer

from turnout.cli.options import ConfigOption

__all__ = ["doctor"]


def doctor(config: ConfigOption = None) -> None:
    """Look at the configuration, the data directory, the store, credentials and the port; changes nothing."""
    from turnout.app.configuration import load_configuration
    from turnout.app.inspection import findings

    found = asyncio.run(findings(load_configuration(config)))
    for finding in found:
        typer.echo(f"{'ok ' if finding.well else 'BAD'}  {finding.subject}: {finding.text}")
    bad = sum(not finding.well for finding in found)
    if bad:
        typer.echo(f"turnout: {bad} of {len(found)} findings are bad", err=True)
        raise typer.Exit(1)
