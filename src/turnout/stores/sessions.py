"""Sessions of the website, on every SQL database alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import asdict
from sqlalchemy import Connection, delete, insert, select

from turnout.domain.session import Session
from turnout.stores.owners import keys_have_changed
from turnout.stores.schema import SESSIONS

__all__ = ["SQLSessions"]

T = TypeVar("T")


class SQLSessions(ABC):
    """The part of a store that implements ``contracts.sessions.Sessions``."""

    @abstractmethod
    async def _read(self, operation: Callable[[Connection], T]) -> T:
        """What *operation* gives in a transaction that changes nothing."""

    @abstractmethod
    async def _write(self, operation: Callable[[Connection], T]) -> T:
        """What *operation* gives in a transaction."""

    async def put_session(self, session: Session) -> None:
        """Keep a session, and forget those that have expired before it began."""

        def put(connection: Connection) -> None:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.expires < session.created))
            connection.execute(insert(SESSIONS), asdict(session))

        await self._write(put)

    async def session(self, session_hash: str) -> Session | None:
        """The session of that hash, expired ones included."""
        query = select(SESSIONS).where(SESSIONS.c.hash == session_hash)
        row = await self._read(lambda connection: connection.execute(query).mappings().one_or_none())
        return None if row is None else Session(**row)

    async def delete_session(self, session_hash: str) -> bool:
        """End a session, so that caches elsewhere forget it; False when there is none."""

        def end(connection: Connection) -> bool:
            found = connection.execute(delete(SESSIONS).where(SESSIONS.c.hash == session_hash)).rowcount > 0
            if found:
                keys_have_changed(connection)
            return found

        return await self._write(end)
