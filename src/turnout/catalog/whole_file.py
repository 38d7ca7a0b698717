"""Files that are there whole or not at all, whatever kills the writer."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

__all__ = ["write_whole"]

_ABANDONED: Final = 3_600.0
"""Seconds after which nobody is still writing a file of ours."""


def write_whole(path: Path, content: bytes) -> None:
    """Put *content* in the place of whatever is at *path*; the directory is made if it is missing.

    What a killed writer of the same file has left behind goes an hour later.

    Raises:
        OSError: it cannot be written; an older file is then still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as temporary:
        try:
            temporary.write(content)
            temporary.flush()
            os.fsync(temporary.fileno())
            os.replace(temporary.name, path)  # noqa: PTH105 - the name is a text here
        except BaseException:
            with suppress(OSError):
                Path(temporary.name).unlink()
            raise
    # Without this a power cut may leave the old name; the file itself is safe either way.
    with suppress(OSError):
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    _clear(path)


def _clear(path: Path) -> None:
    with suppress(OSError):
        for left in path.parent.glob(f".{path.name}-*"):
            if time.time() - left.stat().st_mtime > _ABANDONED:
                left.unlink(missing_ok=True)
