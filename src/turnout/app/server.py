"""Uvicorn's server with our signals and a drain that ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from socket import socket
from typing import final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from turnout.api.asgi import AsgiApplication
from turnout.api.protocol import DataPlane, HotProtocol

__all__ = ["DrainingServer", "make_server"]

_SETTLE_SECONDS = 2.0
_EXIT_AT_ONCE = 1


@final
class DrainingServer(uvicorn.Server):
    """Stops on :meth:`drain`: no new connections, running answers get a while, then they are told and cut."""

    def __init__(self, settings: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(settings)
        self._on_start = started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the worker's business."""
        yield

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Open the port, and tell."""
        await super().startup(sockets)
        self._on_start()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Drain, then let cancelled requests write their record and their last words."""
        await super().shutdown(sockets)
        if tasks := set(self.server_state.tasks):
            await asyncio.wait(tasks, timeout=_SETTLE_SECONDS)
        for connection in list(self.server_state.connections):
            connection.transport.close()
        await asyncio.sleep(0.05)

    def drain(self) -> None:
        """Begin to stop; the second time, stop at once."""
        if self.should_exit:
            os._exit(_EXIT_AT_ONCE)
        self.should_exit = True


def make_server(
    plane: DataPlane | None, application: AsgiApplication, drain_seconds: float, started: Callable[[], None]
) -> DrainingServer:
    """A server for *application*; with a *plane*, its hot routes are answered in the protocol instead."""
    settings = uvicorn.Config(
        application,
        http=HttpToolsProtocol if plane is None else type("Protocol", (HotProtocol,), {"plane": plane}),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=4096,
        timeout_graceful_shutdown=drain_seconds,  # type: ignore[arg-type]  # a float serves as well
    )
    return DrainingServer(settings, started)
