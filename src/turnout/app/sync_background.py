"""Syncs the catalog now and then while a server runs, and tells when another catalog lies there."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from turnout import config
from turnout.app.catalog import SNAPSHOT_FILE, wanted_sources
from turnout.base.clock import SYSTEM_CLOCK
from turnout.catalog.sync_state import StateFolder

__all__ = ["catalog_changes", "keep_synced", "sync_command"]

_AFTER_START_SECONDS = 30.0
_AFTER_RESTART_SECONDS = 600.0
_LONGEST_WAIT_SECONDS = 60.0
_SHORTEST_WAIT_SECONDS = 0.5
_LOOK_SECONDS = 1.0
_log = logging.getLogger(__name__)


def sync_command(path: Path | None, flags: object) -> list[str]:
    """The command of a process that syncs the catalog of a server with this configuration, once."""
    order = {"path": str(path) if path else None, "flags": flags, "parent": os.getpid()}
    return [sys.executable, "-m", "turnout.app.sync_process", json.dumps(order)]


async def keep_synced(settings: Callable[[], config.Settings], command: Sequence[str]) -> None:
    """Run *command* whenever a sync is due, for ever; exactly one process of a server's family does this.

    *settings* gives those in effect. The first sync comes half a minute after the start, unless there has just been
    one; the others come a ``refresh`` after the last try, whoever has made it.
    """
    started = SYSTEM_CLOCK.wall()
    ran = 0.0
    while True:
        due = _due(settings, started, ran)
        if due is None or due > 0:
            wait = _LONGEST_WAIT_SECONDS if due is None else min(due, _LONGEST_WAIT_SECONDS)
            await asyncio.sleep(max(wait, _SHORTEST_WAIT_SECONDS))
        else:
            ran = SYSTEM_CLOCK.wall()  # one that cannot even write that it has tried is not tried again at once
            await _run(command)


async def catalog_changes(data_dir: Path) -> AsyncIterator[None]:
    """Yields whenever a sync has put another catalog there."""
    folder = StateFolder(data_dir)
    seen, mark = _stamp(data_dir), folder.load().mark
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        stamp = _stamp(data_dir)
        if stamp == seen:
            continue
        seen = stamp
        found = await asyncio.to_thread(lambda: folder.load().mark)
        if found != mark:
            mark = found
            yield


def _due(settings: Callable[[], config.Settings], started: float, ran: float) -> float | None:
    """Seconds until the next sync, not positive when it is due; None when there is none to come."""
    try:
        current = settings()
    except (config.BadConfiguration, OSError):
        return None  # whoever reloads has said so
    refresh = current.catalog.refresh_seconds
    if refresh is None or not wanted_sources(current):
        return None
    now = SYSTEM_CLOCK.wall()
    tried = min(StateFolder(Path(current.server.data_dir)).load().tried, now)
    if not ran:
        return max(started + min(_AFTER_START_SECONDS, refresh), tried + min(_AFTER_RESTART_SECONDS, refresh)) - now
    return max(tried, ran) + refresh - now


async def _run(command: Sequence[str]) -> None:
    try:
        process = await asyncio.create_subprocess_exec(*command)
    except OSError as error:
        _log.warning("a sync of the catalog cannot be started: %s", error)
        await asyncio.sleep(_LONGEST_WAIT_SECONDS)
        return
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()  # the server ends; what is written is written as a whole
            await process.wait()


def _stamp(data_dir: Path) -> tuple[int, int] | None:
    """What changes when the snapshot is replaced."""
    try:
        found = os.stat(data_dir / SNAPSHOT_FILE)  # noqa: PTH116 - asked every second
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
