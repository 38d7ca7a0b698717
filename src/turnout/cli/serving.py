"""Commands that serve: the gateway, and the fake provider alone."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from turnout.cli.options import ConfigOption

__all__ = ["fake", "serve"]


def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.", show_default=False)] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes.", show_default=False)] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where state is kept.", show_default=False)] = None,
) -> None:
    """Serve the API."""
    from turnout.app import serve as serving

    values = {"host": host, "port": port, "workers": workers, "data_dir": None if data_dir is None else str(data_dir)}
    flags = {"server": {name: value for name, value in values.items() if value is not None}}
    serving.serve(config, flags, lambda text: print(text, flush=True))  # noqa: T201 - the operator reads it


def fake(
    config: ConfigOption = None,  # noqa: ARG001 - every command takes it; this one needs nothing of it
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8001,
    journal: Annotated[
        Path | None,
        typer.Option(help="Append what was accepted and sent to this file.", show_default=False),
    ] = None,
) -> None:
    """Serve the fake provider alone, on the loopback address."""
    asyncio.run(_serve_fake(port, journal))


async def _serve_fake(port: int, journal: Path | None) -> None:
    from turnout.providers.fake.server import FakeProvider

    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with FakeProvider(journal, port=port) as provider:
        typer.echo(f"The fake provider is ready at {provider.base_url}")
        await stopped.wait()
