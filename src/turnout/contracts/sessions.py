"""Where sessions of the website are kept, and what leads to them."""

from __future__ import annotations

from typing import Protocol

from turnout.domain.session import Identity, Session, Ticket

__all__ = ["Sessions"]


class Sessions(Protocol):
    """Sessions by the hash of their secret, tickets by that of theirs, people by what their provider calls them."""

    async def put_session(self, session: Session) -> None:
        """Keep a session, and forget those that have expired before it began."""

    async def session(self, session_hash: str) -> Session | None:
        """The session of that hash, expired ones included."""

    async def delete_session(self, session_hash: str) -> bool:
        """End a session, so that caches elsewhere forget it; False when there is none."""

    async def put_ticket(self, ticket: Ticket) -> None:
        """Keep a ticket, and forget those that have expired before it was made."""

    async def take_ticket(self, ticket_hash: str, kind: str, proof: str, now: float) -> Ticket | None:
        """Take a ticket away and return it: of many who ask, one gets it.

        None, and nothing is changed, where there is none of that kind, it has expired, or *proof* is not its own.
        """

    async def has_ticket(self, ticket_hash: str, kind: str, now: float) -> bool:
        """Whether such a ticket waits to be taken."""

    async def identity(self, issuer: str, subject: str) -> Identity | None:
        """Who that is here."""

    async def put_identity(self, identity: Identity) -> None:
        """Add a person, or replace what is known of them.

        Raises:
            NotFound: there is no such account.
        """
