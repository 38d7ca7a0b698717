"""The fake provider, started by its first request."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from typing import final

__all__ = ["FakeProcess"]


@final
class FakeProcess:
    """Holds the fake provider's socket from the start, and starts its process when somebody connects.

    Until then it costs a file descriptor; the first caller waits for the process.
    """

    def __init__(self, journal: str | None = None) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._socket.setblocking(False)
        self._process: subprocess.Popen[bytes] | None = None
        self._journal = journal
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def address(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the process as soon as a connection waits."""
        self._loop = loop
        loop.add_reader(self._socket.fileno(), self._start)

    def stop(self) -> None:
        """End the process and give the port back."""
        if self._loop is not None and self._process is None:
            self._loop.remove_reader(self._socket.fileno())
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self._socket.close()

    def _start(self) -> None:
        assert self._loop is not None  # noqa: S101 - watch() has set it
        self._loop.remove_reader(self._socket.fileno())
        descriptor = self._socket.fileno()
        command = [sys.executable, "-m", "turnout.providers.fake", "--fd", str(descriptor), "--with-parent"]
        if self._journal is not None:
            command += ["--journal", self._journal]
        self._process = subprocess.Popen(command, pass_fds=(descriptor,), stdout=subprocess.DEVNULL)  # noqa: S603 - our own module
