"""The fake provider as a process of its own: ``python -m turnout.providers.fake``."""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from turnout.providers.fake.server import FakeProvider

__all__ = ["main"]

_PARENT_POLL: Final = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit status is 0, or 1 when the port or the journal cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m turnout.providers.fake", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--fd", type=int, help="serve on this listening socket instead")
    parser.add_argument("--journal", type=Path, help="append what was accepted and sent to this file")
    parser.add_argument("--journal-bodies", action="store_true", help="write the bodies to the journal too")
    parser.add_argument("--ready-fd", type=int, help="also announce the port on this file descriptor")
    parser.add_argument("--with-parent", action="store_true", help="exit when the parent process is gone")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(_serve(options, os.getppid()))
    except OSError as error:
        sys.stderr.write(f"the fake provider cannot serve: {error}\n")
        return 1
    return 0


async def _serve(options: argparse.Namespace, parent: int) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    listening = socket.socket(fileno=options.fd) if options.fd is not None else None
    provider = FakeProvider(
        options.journal, host=options.host, port=options.port, bodies=options.journal_bodies, listening=listening
    )
    async with provider:
        _announce(provider.port, options.ready_fd)
        if options.with_parent:
            while not stopped.is_set() and os.getppid() == parent:
                try:
                    await asyncio.wait_for(stopped.wait(), _PARENT_POLL)
                except TimeoutError:
                    continue
        else:
            await stopped.wait()


def _announce(port: int, descriptor: int | None) -> None:
    line = b'{"port": %d}\n' % port
    with contextlib.suppress(OSError):  # nobody reads our output; the port may have been given
        os.write(sys.stdout.fileno(), line)
    if descriptor is not None:
        os.write(descriptor, line)
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
