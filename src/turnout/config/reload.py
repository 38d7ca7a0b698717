"""What a changed configuration asks for: noticing the change, and telling what needs a restart."""

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from turnout.config.settings import Settings

__all__ = ["needs_restart", "watch"]

_RESTART_KEYS: Final = (
    ("server", "host"),
    ("server", "port"),
    ("server", "workers"),
    ("server", "data_dir"),
    ("server", "data_plane"),
    ("server", "cors"),
    ("store", "url"),
    ("store", "shared"),
    ("auth", "master_key"),
    ("auth", "public_pages"),
    ("auth", "oidc"),
    ("metrics", "public"),
    ("catalog", "price_weights"),
    ("limits", "drain_seconds"),
    ("logging", "level"),
    ("logging", "format"),
    ("auto", "figures"),
)
_DEBOUNCE_MILLISECONDS: Final = 400
"""Longest time that changes are gathered; editors write a file in several steps."""
_RECHECK_MILLISECONDS: Final = 5_000
"""The file is read this often even without an event: network and overlay file systems do not send them all."""


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """The dotted keys that differ and take effect at a restart only."""
    return [
        f"{table}.{name}"
        for table, name in _RESTART_KEYS
        if getattr(getattr(old, table), name) != getattr(getattr(new, table), name)
    ]


async def watch(path: Path, on_change: Callable[[], Awaitable[None]]) -> None:
    """Await *on_change* after each change of the content of *path*, until cancelled.

    Directories are watched, not the file, so that a file replaced by renaming or through a symbolic link
    (as mounted configuration maps are) is noticed. A file that has gone away is no change; the next one in its
    place is. What *on_change* raises ends the watch.
    """
    from watchfiles import awatch  # noqa: PLC0415 - costs start-up time that most commands need not pay

    last = _digest(path)
    async for _ in awatch(
        *_directories(path),
        watch_filter=None,
        debounce=_DEBOUNCE_MILLISECONDS,
        rust_timeout=_RECHECK_MILLISECONDS,
        yield_on_timeout=True,
        recursive=False,
    ):
        now = _digest(path)
        if now is not None and now != last:
            last = now
            await on_change()


def _directories(path: Path) -> set[Path]:
    """Where the name stands and where the file behind it stands."""
    return {path.absolute().parent, path.resolve().parent}


def _digest(path: Path) -> bytes | None:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
