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
from turnout.api.plane import DataPlane
from turnout.api.protocol import HotProtocol

__all__ = ["DrainingServer", "make_server"]

_SETTLE_SECONDS = 2.0
_STEP_SECONDS = 0.05
_EXIT_AT_ONCE = 1


@final
class DrainingServer(uvicorn.Server):
    """Stops on :meth:`drain`: no new connections, running answers get a while, then they are told and cut."""

    def __init__(
        self, settings: uvicorn.Config, plane: DataPlane | None, drain_seconds: float, started: Callable[[], None]
    ) -> None:
        super().__init__(settings)
        self._plane = plane
        self._drain_seconds = drain_seconds
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
        """Close the port, let running answers finish or else be told, and close every connection.

        A request on a connection that is open already is still served, or learns from ``/ready`` that the end is near.
        """
        for server in self.servers:
            server.close()
        for listening in sockets or []:
            listening.close()
        if self._plane is not None:
            self._plane.draining = True
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._drain_seconds
        while loop.time() < ends and (state.tasks or any(map(_busy, state.connections))):  # noqa: ASYNC110 - as uvicorn does
            await asyncio.sleep(_STEP_SECONDS)
        if tasks := set(state.tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=_SETTLE_SECONDS)  # they write their record and their last words
        if self._plane is not None:
            self._plane.house.outbox.flush()
        for connection in list(state.connections):
            connection.transport.close()
        await asyncio.sleep(_STEP_SECONDS)

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
    )
    return DrainingServer(settings, plane, drain_seconds, started)


def _busy(connection: object) -> bool:
    if isinstance(connection, HotProtocol):
        return connection.busy
    cycle = connection.cycle if isinstance(connection, HttpToolsProtocol) else None
    return cycle is not None and not cycle.response_complete
