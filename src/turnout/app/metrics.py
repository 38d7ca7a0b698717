"""Metrics of all workers of this machine, whichever of them is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import final

import msgspec

from turnout.observe.tally import Tally, merged

__all__ = ["TallyFiles"]

_SECONDS = 1.0
_read = msgspec.msgpack.Decoder(Tally).decode


@final
class TallyFiles:
    """Each worker leaves its tally in a file once a second; who is asked adds them up.

    A dead worker's file stays: what it counted happened.
    """

    def __init__(self, directory: Path, name: str, own: Tally) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = directory / f"{name}.tally"
        self._own = own

    async def run(self) -> None:
        """Write every second, until cancelled."""
        while True:
            self.write()
            await asyncio.sleep(_SECONDS)

    def write(self) -> None:
        """Write now, whole or not at all."""
        temporary = self._path.with_suffix(".new")
        with suppress(OSError):
            temporary.write_bytes(msgspec.msgpack.encode(self._own))
            temporary.replace(self._path)

    def total(self) -> Tally:
        """The sum of this worker's counts and what the others have last written."""
        return merged([self._own, *self._others()])

    def _others(self) -> Iterator[Tally]:
        for path in self._path.parent.glob("*.tally"):
            if path != self._path:
                with suppress(OSError, msgspec.DecodeError):
                    tally = _read(path.read_bytes())
                    tally.open_requests = 0 if _is_old(path) else tally.open_requests
                    yield tally


def _is_old(path: Path) -> bool:
    """Whether its worker has stopped writing: then it has nothing open."""
    return time.time() - path.stat().st_mtime > 3 * _SECONDS
