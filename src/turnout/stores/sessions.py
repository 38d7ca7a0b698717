"""Sessions of the website and what leads to them, on every SQL database alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from turnout.base.errors import NotFound
from turnout.domain.session import Identity, Session, Ticket
from turnout.stores.owners import keys_have_changed
from turnout.stores.schema import IDENTITIES, SESSIONS, TICKETS

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

    async def put_ticket(self, ticket: Ticket) -> None:
        """Keep a ticket, and forget those that have expired before it was made."""

        def put(connection: Connection) -> None:
            connection.execute(delete(TICKETS).where(TICKETS.c.expires < ticket.created))
            connection.execute(insert(TICKETS), asdict(ticket))

        await self._write(put)

    async def take_ticket(self, ticket_hash: str, kind: str, proof: str, now: float) -> Ticket | None:
        """Take a ticket away and return it: of many who ask, one gets it, for it is one statement."""
        rows = TICKETS.c
        taking = delete(TICKETS).where(*_waiting(ticket_hash, kind, now), rows.proof == proof).returning(*rows)
        found = await self._write(lambda connection: connection.execute(taking).mappings().one_or_none())
        return None if found is None else Ticket(**found)

    async def has_ticket(self, ticket_hash: str, kind: str, now: float) -> bool:
        """Whether such a ticket waits to be taken."""
        query = select(TICKETS.c.hash).where(*_waiting(ticket_hash, kind, now))
        return await self._read(lambda connection: connection.execute(query).scalar()) is not None

    async def identity(self, issuer: str, subject: str) -> Identity | None:
        """Who that is here."""
        query = select(IDENTITIES).where(IDENTITIES.c.issuer == issuer, IDENTITIES.c.subject == subject)
        row = await self._read(lambda connection: connection.execute(query).mappings().one_or_none())
        return None if row is None else Identity(**row)

    async def put_identity(self, identity: Identity) -> None:
        """Add a person, or replace what is known of them. Raises NotFound: there is no such account."""
        there = (IDENTITIES.c.issuer == identity.issuer) & (IDENTITIES.c.subject == identity.subject)

        def put(connection: Connection) -> None:
            connection.execute(delete(IDENTITIES).where(there))
            connection.execute(insert(IDENTITIES), asdict(identity))

        try:
            await self._write(put)
        except IntegrityError:
            raise NotFound("No such account") from None


def _waiting(ticket_hash: str, kind: str, now: float) -> tuple[ColumnElement[bool], ...]:
    rows = TICKETS.c
    return rows.hash == ticket_hash, rows.kind == kind, rows.expires > now
