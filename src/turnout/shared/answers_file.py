"""Answers kept by the workers of one machine, in one file that cannot be read without the request."""

from __future__ import annotations

from pathlib import Path
from sqlite3 import Connection
from typing import Final, final

from turnout.base.clock import Clock
from turnout.contracts.shared import Claim
from turnout.shared.sealed import opened, place_of, sealed
from turnout.shared.sealed_file import SealedFile

__all__ = ["AnswersInFile"]

_MOST_BYTES: Final = 256 * 2**20
_PATIENCE_SECONDS: Final = 2.0

_CLAIM: Final = """
INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT (place)
DO UPDATE SET ends = excluded.ends, sealed = excluded.sealed WHERE kept.ends <= ?
"""
_RENEW: Final = "UPDATE kept SET ends = ? WHERE place = ? AND sealed = ?"
_RELEASE: Final = "DELETE FROM kept WHERE place = ? AND sealed = ?"


@final
class AnswersInFile:
    """An :class:`turnout.contracts.shared.AnswerMemory` of all workers with the same *path*. It outlives them."""

    def __init__(self, path: Path, clock: Clock, most_bytes: int = _MOST_BYTES) -> None:
        """Nothing is opened yet."""
        self._file = SealedFile(path, clock, most_bytes, _PATIENCE_SECONDS)

    async def find(self, name: bytes) -> bytes | None:
        """What is kept under *name*. Raises Unavailable."""
        text = await self._file.run(lambda connection: self._file.get(connection, place_of(name)))
        return None if text is None else opened(name, text)

    async def keep(self, name: bytes, answer: bytes, seconds: float) -> None:
        """Keep *answer*. Raises Unavailable."""
        file, ends = self._file, self._file.now() + seconds
        await file.run(lambda connection: file.put(connection, [(place_of(name), ends, sealed(name, answer))]))

    async def claim(self, name: bytes, note: bytes, seconds: float) -> Claim:
        """Keep *note* unless something is kept already. Raises Unavailable."""
        place, text = place_of(name), sealed(name, note)

        def take(connection: Connection) -> bytes | None:
            now = self._file.now()
            if connection.execute(_CLAIM, (place, now + seconds, text, now)).rowcount:
                return text
            return self._file.get(connection, place)

        there = await self._file.run(take)
        if there is text:
            return Claim(text, None)
        return Claim(None, None if there is None else opened(name, there))

    def renew(self, name: bytes, claim: bytes, seconds: float) -> None:
        """Let *claim* hold for *seconds* from now on."""
        ends = self._file.now() + seconds
        self._file.send(lambda connection: connection.execute(_RENEW, (ends, place_of(name), claim)))

    def release(self, name: bytes, claim: bytes) -> None:
        """Give *claim* up."""
        self._file.send(lambda connection: connection.execute(_RELEASE, (place_of(name), claim)))

    async def close(self) -> None:
        """Give the file and the thread back."""
        self._file.close()
