"""Where sessions of the website are kept."""

from __future__ import annotations

from typing import Protocol

from turnout.domain.session import Session

__all__ = ["Sessions"]


class Sessions(Protocol):
    """Sessions by the hash of their secret."""

    async def put_session(self, session: Session) -> None:
        """Keep a session, and forget those that have expired before it began."""
        ...

    async def session(self, session_hash: str) -> Session | None:
        """The session of that hash, expired ones included."""
        ...

    async def delete_session(self, session_hash: str) -> bool:
        """End a session, so that caches elsewhere forget it; False when there is none."""
        ...
