"""The durable store: each method is one atomic operation named after its purpose."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from turnout.domain.account import Account, Generation, GenerationRow, Key
from turnout.domain.budget import Budget, Claim, Scope

__all__ = ["Delivery", "Store"]


class Delivery(NamedTuple):
    """Generations from journals, with the offset (bytes, by journal name) up to which each journal has been read.

    ``rows`` may be made as they are asked for. ``node`` says whose leases they are booked on.
    """

    rows: Iterable[GenerationRow]
    offsets: Mapping[str, int]
    node: str = ""


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

    async def add_generations(self, rows: Iterable[GenerationRow], offsets: Mapping[str, int] | None = None) -> int:
        """Add those whose id is not there yet and keep *offsets*, in one transaction; returns how many were new."""
        ...

    async def take_generations(self, source: Callable[[], Delivery | None]) -> int:
        """As :meth:`add_generations`, with what *source* returns; None is no transaction.

        *source* is called once and its rows are taken once, in the thread that writes: reading, parsing and inserting
        are one trip away from the event loop. What either raises is raised here, and nothing is added.
        """
        ...

    async def journal_offsets(self) -> Mapping[str, int]:
        """All offsets that are kept."""
        ...

    async def forget_journals(self, files: Collection[str]) -> None:
        """Drop the offsets of *files*; when this returns, all that came from them survives a power cut."""
        ...

    async def generation(self, generation_id: str, account_id: str) -> Generation | None:
        """One generation of one account.

        Raises:
            Unavailable: it is there, but its record cannot be read.
        """
        ...

    async def generations_after(self, generation_id: str, most: int) -> Sequence[Generation]:
        """At most *most* generations of all accounts whose id is greater, by id: that is by the second they began in.

        ``gen-<unix seconds>`` is a place to begin. Records that cannot be read are left out, so that only an empty
        answer means the end.
        """
        ...

    async def spent(self, key_hash: str, since: float) -> int:
        """Pico-dollars that a key has spent from the beginning of the day of *since* (unix seconds, UTC)."""
        ...

    async def tokens_by_model(self, since: float) -> Mapping[str, int]:
        """Tokens read and written from the beginning of the day of *since* (unix seconds, UTC), by the model's id."""
        ...

    async def put_budgets(self, account_id: str, scope: Scope, subject: str, budgets: Sequence[Budget]) -> None:
        """Make *budgets* the only ones of *subject*. What was spent under an earlier limit still counts."""
        ...

    async def budgets(self, account_id: str | None = None) -> Sequence[Budget]:
        """The budgets of one account, or all."""
        ...

    async def lease(self, node: str, claim: Claim, amounts: tuple[int, ...]) -> int:
        """Lease the first of *amounts* that the budget has left, the largest first; 0 when it has not even the last."""
        ...

    async def give_back(self, node: str, claim: Claim, amount: int) -> None:
        """*node* has no use for *amount* of its lease."""
        ...

    async def reclaim(self, node: str | None, renewed_before: float) -> int:
        """Take back the leases of a node that starts anew, or of all that were not renewed since; how many."""
        ...

    async def booked(self, claims: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """What has been booked of each window of each budget (budget id, beginning)."""
        ...
