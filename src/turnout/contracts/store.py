"""The durable store: each method is one atomic operation named after its purpose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from turnout.domain.account import Account, Generation, Key

__all__ = ["Store"]


class Store(Protocol):
    """Accounts, keys and generations. A store owns its threads; all methods may be called from one event loop."""

    async def open(self) -> None:
        """Connect and bring the schema up to date.

        Raises:
            Unavailable: the store cannot be reached, or its schema is newer than this program.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way and let go."""
        ...

    async def put_account(self, account: Account) -> None:
        """Add or replace an account."""
        ...

    async def put_key(self, key: Key) -> None:
        """Add or replace a key."""
        ...

    async def key(self, key_hash: str) -> Key | None:
        """The key of that hash, disabled ones included."""
        ...

    async def keys(self, account_id: str | None = None) -> Sequence[Key]:
        """All keys, or those of one account, oldest first."""
        ...

    async def disable_key(self, key_hash: str, *, disabled: bool) -> bool:
        """Switch a key off or on; False when there is none."""
        ...

    async def delete_key(self, key_hash: str) -> bool:
        """Remove a key; its generations stay. False when there is none."""
        ...

    async def keys_revision(self) -> int:
        """A number that grows with every change of a key: what makes caches elsewhere forget."""
        ...

    async def add_generations(self, generations: Sequence[Generation]) -> int:
        """Add those that are not there yet, with their attempts, in one transaction; returns how many were new."""
        ...

    async def generation(self, generation_id: str, account_id: str) -> Generation | None:
        """One generation of one account."""
        ...

    async def spent(self, key_hash: str, since: float) -> int:
        """Pico-dollars that a key has spent from *since* (unix seconds)."""
        ...
