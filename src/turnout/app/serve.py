"""``turnout serve``: one worker in this process, or a supervisor with several."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from turnout.accounts.first_start import FirstKeys
from turnout.app.banner import banner
from turnout.app.configuration import Flags, load_configuration
from turnout.app.fake import FakeProcess
from turnout.app.logs import set_up_logs
from turnout.app.supervisor import supervise
from turnout.app.sync_background import sync_command
from turnout.app.worker import Orders, work
from turnout.domain.provider import Provider

__all__ = ["run_worker", "serve"]


def serve(path: Path | None, flags: Flags, tell: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; *tell* gets what the operator should read at the start.

    Raises:
        BadConfiguration: the configuration is wrong.
        Unavailable: the store cannot be opened.
        OSError: the port or the data directory cannot be had.
    """
    loaded = load_configuration(path, flags)
    settings = loaded.settings
    set_up_logs(loaded)
    for warning in loaded.warnings:
        logging.getLogger(__name__).warning("%s", warning)
    Path(settings.server.data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    listening = _listen(settings.server.host, settings.server.port)
    fake = FakeProcess()

    def announce(keys: FirstKeys, providers: Mapping[str, Provider]) -> None:
        tell(banner(_address(listening), keys.api_key, keys.management_key, providers))

    orders = Orders(
        load=lambda: load_configuration(path, flags),
        environment=os.environ,
        listening=listening,
        fake_address=fake.address,
        alone=settings.server.workers == 1,
        announce=announce,
        sync_command=sync_command(path, flags),
    )
    try:
        _run(_serve(orders, fake, path, flags, settings.server.workers))
    finally:
        fake.stop()


async def _serve(orders: Orders, fake: FakeProcess, path: Path | None, flags: Flags, workers: int) -> None:
    fake.watch(asyncio.get_running_loop())
    if workers == 1:
        await work(orders)
    else:
        await supervise(orders, _worker_command(orders, path, flags), workers)


def run_worker(arguments: Sequence[str]) -> None:
    """One of several workers; started by the supervisor with what :func:`_worker_command` writes."""
    order = json.loads(arguments[0])
    path = Path(order["path"]) if order["path"] else None
    loaded = load_configuration(path, order["flags"])
    set_up_logs(loaded)
    orders = Orders(
        load=lambda: load_configuration(path, order["flags"]),
        environment=os.environ,
        listening=socket.socket(fileno=order["fd"]),
        fake_address=order["fake"],
        alone=False,
        announce=lambda _keys, _providers: None,
        supervisor=order["supervisor"],
        sync_command=sync_command(path, order["flags"]),
    )
    _run(work(orders))


def _worker_command(orders: Orders, path: Path | None, flags: Flags) -> Sequence[str]:
    order = {
        "path": str(path) if path else None,
        "flags": flags,
        "fd": orders.listening.fileno(),
        "fake": orders.fake_address,
        "supervisor": os.getpid(),
    }
    return [sys.executable, "-m", "turnout.app", json.dumps(order)]


def _run(main: object) -> None:
    # Before NumPy is loaded. A fork, as of a sync, ends the threads that OpenBLAS has shared a product among, and who
    # waits for them waits for ever. One product is too small to be shared anyway.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        import uvloop  # noqa: PLC0415 - not everywhere
    except ImportError:
        asyncio.run(main)  # type: ignore[arg-type]  # a coroutine
    else:
        uvloop.run(main)  # type: ignore[arg-type]  # a coroutine


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise OSError(error.errno, f"cannot listen on {host} port {port}: {error.strerror}") from None
    listening.listen(4096)
    listening.setblocking(False)
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - compared
    return f"http://{shown}:{port}"
