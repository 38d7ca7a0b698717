"""Reasoning remembered by several workers of one machine, in one file that cannot be read without the request."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from sqlite3 import Connection
from typing import final

from turnout.base.clock import Clock
from turnout.base.errors import Unavailable
from turnout.shared.sealed import opened, place_of, sealed
from turnout.shared.sealed_file import SealedFile

__all__ = ["ReasoningInFile"]

_SECONDS = 3600.0
_MOST_BYTES = 256 * 2**20
_MOST_BYTES_EACH = 2**20


@final
class ReasoningInFile:
    """A :class:`turnout.contracts.shared.ReasoningMemory` of all workers with the same *path*.

    Thoughts are answers, which nobody has asked us to store: each is encrypted with a key made of the name it is kept
    under, and the names, which are digests of account and call, are not in the file, but only their digests.
    """

    def __init__(self, path: Path, clock: Clock, most_bytes: int = _MOST_BYTES) -> None:
        """Nothing is opened yet; a file that cannot be had is a memory that keeps nothing."""
        self._file = SealedFile(path, clock, most_bytes)

    async def keep(self, names: Sequence[bytes], reasoning: bytes) -> None:
        """Remember *reasoning* under each of *names*, unless it is very long."""
        file = self._file
        if len(reasoning) > min(_MOST_BYTES_EACH, file.most_bytes):
            return
        ends = file.now() + _SECONDS

        def put(connection: Connection) -> None:
            file.put(connection, [(place_of(name), ends, sealed(name, reasoning)) for name in names])

        with suppress(Unavailable):
            await file.run(put)

    async def find(self, names: Sequence[bytes]) -> Sequence[bytes | None]:
        """What is remembered under each of *names*."""

        def look(connection: Connection) -> list[bytes | None]:
            texts = [self._file.get(connection, place_of(name)) for name in names]
            return [None if text is None else opened(name, text) for name, text in zip(names, texts, strict=True)]

        try:
            return await self._file.run(look)
        except Unavailable:
            return [None] * len(names)

    def close(self) -> None:
        """Give the file and the thread back."""
        self._file.close()
