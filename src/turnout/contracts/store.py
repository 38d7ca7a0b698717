"""The durable store: each method is one atomic operation named after its purpose."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from turnout.contracts.archive import Archive
from turnout.contracts.contents import Contents
from turnout.contracts.credentials import Credentials
from turnout.contracts.definitions import Definitions
from turnout.contracts.feedback import Feedbacks
from turnout.contracts.guardrails import Guardrails
from turnout.contracts.measured import Speeds
from turnout.contracts.presets import Presets
from turnout.contracts.sessions import Sessions
from turnout.contracts.training import TrainingTables
from turnout.domain.account import Account, Generation, GenerationRow, Key
from turnout.domain.activity import ActivityQuery, ActivitySum, Page, Search
from turnout.domain.budget import Budget, Claim

__all__ = ["Delivery", "Store"]


class Delivery(NamedTuple):
    """Generations from journals, with the offset (bytes, by journal name) up to which each journal has been read.

    ``rows`` may be made as they are asked for. ``node`` says whose leases they are booked on.
    """

    rows: Iterable[GenerationRow]
    offsets: Mapping[str, int]
    node: str = ""


class Store(
    Definitions,
    Archive,
    Sessions,
    TrainingTables,
    Presets,
    Credentials,
    Guardrails,
    Contents,
    Feedbacks,
    Speeds,
    Protocol,
):
    """Accounts, keys, generations, voters. It owns its threads; all methods may be called from one event loop."""

    async def open(self) -> None:
        """Connect and bring the schema up to date.

        Raises:
            Unavailable: the store cannot be reached, or its schema is newer than this program.
        """

    async def close(self) -> None:
        """Finish what is under way and let go."""

    async def account(self, account_id: str) -> Account | None:
        """The account of that id."""

    async def accounts(self) -> Sequence[Account]:
        """All accounts, oldest first."""

    async def put_account(self, account: Account) -> None:
        """Add or replace an account, and the budget that its credit is."""

    async def change_account(self, account_id: str, change: Callable[[Account], Account]) -> Account | None:
        """Put what *change* makes of an account in its place; None when there is none.

        *change* runs within the transaction, in a thread; what it raises is raised here, and nothing is changed.
        """

    async def delete_account(self, account_id: str) -> bool:
        """Remove an account with all that is its own. False when there is none.

        :meth:`erase_deleted` takes its generations; of what it has spent, sums by day and model stay.
        """

    async def erase_deleted(self, most: int) -> int:
        """Delete at most about *most* generations of accounts that are deleted; how many, 0 when all are gone.

        To be called again for a day: journals may still bring some.
        """

    async def put_key(self, key: Key) -> None:
        """Add or replace a key, and the budget that its limit is.

        Raises:
            NotFound: there is no such account.
        """

    async def change_key(self, key_hash: str, change: Callable[[Key], Key]) -> Key | None:
        """As :meth:`change_account`, for a key and the budget that its limit is."""

    async def key(self, key_hash: str) -> Key | None:
        """The key of that hash, disabled ones included."""

    async def keys(self, account_id: str | None = None) -> Sequence[Key]:
        """All keys, or those of one account, oldest first."""

    async def disable_key(self, key_hash: str, *, disabled: bool) -> bool:
        """Switch a key off or on; False when there is none."""

    async def delete_key(self, key_hash: str) -> bool:
        """Remove a key with its budgets; its generations stay. False when there is none."""

    async def keys_revision(self) -> int:
        """A number that grows with every change of what accounts own: what makes caches elsewhere forget."""

    async def add_generations(self, rows: Iterable[GenerationRow], offsets: Mapping[str, int] | None = None) -> int:
        """Add those whose id is not there yet and keep *offsets*, in one transaction; returns how many were new."""

    async def take_generations(self, source: Callable[[], Delivery | None]) -> int:
        """As :meth:`add_generations`, with what *source* returns; None is no transaction.

        *source* is called once and its rows are taken once, in the thread that writes: reading, parsing and inserting
        are one trip away from the event loop. What either raises is raised here, and nothing is added.
        """

    async def journal_offsets(self) -> Mapping[str, int]:
        """All offsets that are kept."""

    async def forget_journals(self, files: Collection[str]) -> None:
        """Drop the offsets of *files*; when this returns, all that came from them survives a power cut."""

    async def generation(self, generation_id: str, account_id: str) -> Generation | None:
        """One generation of one account.

        Raises:
            Unavailable: it is there, but its record cannot be read.
        """

    async def generations_after(self, generation_id: str, most: int) -> Sequence[Generation]:
        """At most *most* generations of all accounts whose id is greater, by id: that is by the second they began in.

        ``gen-<unix seconds>`` is a place to begin. Records that cannot be read are left out, so that only an empty
        answer means the end.
        """

    async def find_generations(self, search: Search, most: int) -> Page:
        """At most *most* generations that fit *search*, newest first."""

    async def forget_generations(self, before: float, most: int) -> int:
        """Delete at most *most* generations from before that unix second, the oldest first; sums stay. How many."""

    async def activity(self, wanted: ActivityQuery) -> Sequence[ActivitySum]:
        """Sums of use: newest day first, then by name."""

    async def spent(self, key_hash: str, since: float) -> int:
        """Pico-dollars that a key has spent from the beginning of the day of *since* (unix seconds, UTC)."""

    async def spent_by_account(self, account_id: str, since: float) -> int:
        """As :meth:`spent`, for all keys of an account, deleted ones included."""

    async def spendings(self, hashes: Sequence[str], since: Sequence[float]) -> Mapping[str, tuple[int, ...]]:
        """As :meth:`spent`, for several keys and several beginnings."""

    async def own_spendings(self, hashes: Sequence[str], since: Sequence[float]) -> Mapping[str, tuple[int, ...]]:
        """As :meth:`spendings`, for what providers billed the accounts of the keys directly."""

    async def last_used(self, keys: Sequence[tuple[str, str]]) -> Mapping[str, int]:
        """In which unix second each of *keys* (account, hash) was used last; those that never were are left out."""

    async def tokens_by_model(self, since: float) -> Mapping[str, int]:
        """Tokens read and written from the beginning of the day of *since* (unix seconds, UTC), by the model's id."""

    async def put_budget(self, budget: Budget) -> None:
        """Add a budget, or give one another limit. What its subject has spent in the present window counts."""

    async def delete_budget(self, budget_id: str) -> bool:
        """Remove a budget; False when there is none."""

    async def half_spent(self, windows: Sequence[int]) -> Sequence[tuple[Budget, int, int]]:
        """Budgets of which at least half is booked in one of *windows* (beginnings): budget, beginning, booked."""

    async def claim_alert(self, budget_id: str, begins: int, percent: int) -> bool:
        """Whether nobody has told yet that so much of a budget is spent in that window; from now on somebody has."""

    async def budgets(self, account_id: str | None = None) -> Sequence[Budget]:
        """The budgets of one account, or all."""

    async def lease(self, node: str, claim: Claim, amounts: tuple[int, ...]) -> int:
        """Lease the first of *amounts* that the budget has left, the largest first; 0 when it has not even the last."""

    async def lease_rest(self, node: str, claim: Claim, most: int) -> int:
        """Lease what the budget has left, but no more than *most*; how much that is."""

    async def give_back(self, node: str, claim: Claim, amount: int) -> None:
        """*node* has no use for *amount* of its lease.

        Raises:
            Unavailable: the store cannot be asked; ``in_doubt`` when it may have taken the amount all the same.
        """

    async def reclaim(self, node: str | None, renewed_before: float) -> int:
        """Take back the leases of a node that starts anew, or of all that were not renewed since; how many."""

    async def beat(self, node: str, lost_seconds: float) -> int:
        """*node* lives; take back the leases of those that were silent for *lost_seconds*; how many.

        Raises:
            Unavailable: the store cannot be asked.
        """

    async def booked(self, claims: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """What has been booked of each window of each budget (budget id, beginning)."""
