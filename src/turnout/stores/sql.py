"""What a store does alike on every SQL database: each method of the contract as statements in one transaction."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, func, select

from turnout.base.clock import Clock
from turnout.base.errors import Unavailable
from turnout.contracts.store import Delivery
from turnout.domain.account import Account, Generation, GenerationRow, Key
from turnout.domain.activity import ActivityQuery, ActivitySum, Page, Search
from turnout.domain.budget import Budget, Claim
from turnout.stores import logbook, owners, reports
from turnout.stores.activity import SECONDS_PER_DAY
from turnout.stores.archive import SQLArchive
from turnout.stores.contents import SQLContents
from turnout.stores.credentials import SQLCredentials
from turnout.stores.definitions import SQLDefinitions
from turnout.stores.farewell import bid_farewell, erase_deleted
from turnout.stores.feedback import SQLFeedbacks
from turnout.stores.guardrails import SQLGuardrails
from turnout.stores.leasing import beat, give_back, lease, lease_rest, reclaim, spent_in
from turnout.stores.presets import SQLPresets
from turnout.stores.rows import decode_generation, key_of, readable
from turnout.stores.schema import ACCOUNTS, ACTIVITY, BUDGETS, GENERATIONS, JOURNALS, KEYS, REVISIONS
from turnout.stores.sessions import SQLSessions
from turnout.stores.speeds import SQLSpeeds
from turnout.stores.training import SQLTraining

__all__ = ["SQLStore"]

_log = logging.getLogger(__name__)

_tokens = select(
    ACTIVITY.c.model, func.sum(ACTIVITY.c.prompt_tokens + ACTIVITY.c.completion_tokens).label("tokens")
).group_by(ACTIVITY.c.model)


class SQLStore(
    SQLDefinitions,
    SQLArchive,
    SQLSessions,
    SQLTraining,
    SQLPresets,
    SQLCredentials,
    SQLGuardrails,
    SQLContents,
    SQLFeedbacks,
    SQLSpeeds,
):
    """Accounts, keys, generations and budgets. A database adds how it is opened, and how a transaction is run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @abstractmethod
    async def take_generations(self, source: Callable[[], Delivery | None]) -> int:
        """As :meth:`add_generations`, with what *source* returns; it is called in a thread."""

    async def add_generations(self, rows: Iterable[GenerationRow], offsets: Mapping[str, int] | None = None) -> int:
        """Add those whose id is not there yet; returns how many were new.

        *offsets* says how far (bytes) the journals of that name have been read; it is kept in the same transaction.

        Raises:
            OverflowError: a cost does not fit into 64 bits; nothing is added.
        """
        return await self.take_generations(lambda: Delivery(rows, offsets or {}))

    async def account(self, account_id: str) -> Account | None:
        """The account of that id."""
        return await self._read(lambda connection: owners.find_account(connection, account_id))

    async def accounts(self) -> Sequence[Account]:
        """All accounts, oldest first."""
        query = select(ACCOUNTS).order_by(ACCOUNTS.c.created, ACCOUNTS.c.id)
        return await self._all(Account, query)

    async def put_account(self, account: Account) -> None:
        """Add or replace an account, and the budget that its credit is."""
        now = self._clock.wall()
        await self._write(lambda connection: owners.put_account(connection, account, now))

    async def change_account(self, account_id: str, change: Callable[[Account], Account]) -> Account | None:
        """Put what *change* makes of an account in its place; None when there is none."""
        now = self._clock.wall()
        return await self._write(lambda connection: owners.change_account(connection, account_id, change, now))

    async def delete_account(self, account_id: str) -> bool:
        """Remove an account with all that is its own; :meth:`erase_deleted` takes its generations. False: none."""
        now = self._clock.wall()
        return await self._write(lambda connection: bid_farewell(connection, account_id, now))

    async def erase_deleted(self, most: int) -> int:
        """Delete at most about *most* generations of accounts that are deleted; how many, 0 when all are gone."""
        now = self._clock.wall()
        return await self._write(lambda connection: erase_deleted(connection, most, now))

    async def put_key(self, key: Key) -> None:
        """Add or replace a key, and the budget that its limit is.

        Raises:
            NotFound: there is no such account.
        """
        now = self._clock.wall()
        await self._write_of_account(lambda connection: owners.put_key(connection, key, now))

    async def change_key(self, key_hash: str, change: Callable[[Key], Key]) -> Key | None:
        """Put what *change* makes of a key in its place; None when there is none."""
        now = self._clock.wall()
        return await self._write(lambda connection: owners.change_key(connection, key_hash, change, now))

    async def key(self, key_hash: str) -> Key | None:
        """The key of that hash, disabled ones included."""
        return await self._read(lambda connection: owners.find_key(connection, key_hash))

    async def keys(self, account_id: str | None = None) -> Sequence[Key]:
        """All keys, or those of one account, oldest first."""
        query = select(KEYS).order_by(KEYS.c.created, KEYS.c.hash)
        if account_id is not None:
            query = query.where(KEYS.c.account_id == account_id)
        return await self._all(key_of, query)

    async def disable_key(self, key_hash: str, *, disabled: bool) -> bool:
        """Switch a key off or on; False when there is none."""
        return await self.change_key(key_hash, lambda key: replace(key, disabled=disabled)) is not None

    async def delete_key(self, key_hash: str) -> bool:
        """Remove a key with its budgets; its generations stay. False when there is none."""
        return await self._write(lambda connection: owners.delete_key(connection, key_hash))

    async def keys_revision(self) -> int:
        """A number that grows with every change of a key."""
        query = select(REVISIONS.c.value).where(REVISIONS.c.name == owners.KEYS_REVISION)
        return await self._read(lambda connection: connection.execute(query).scalar() or 0)

    async def journal_offsets(self) -> dict[str, int]:
        """How far (bytes) each journal has been read, by file name."""
        query = select(JOURNALS.c.file, JOURNALS.c.offset)
        found = await self._read(lambda connection: connection.execute(query).all())
        return {row.file: row.offset for row in found}

    async def generation(self, generation_id: str, account_id: str) -> Generation | None:
        """One generation of one account.

        Raises:
            Unavailable: it is there, but its record cannot be read.
        """
        query = select(GENERATIONS.c.record)
        query = query.where(GENERATIONS.c.id == generation_id, GENERATIONS.c.account_id == account_id)
        record = await self._read(lambda connection: connection.execute(query).scalar_one_or_none())
        if record is None:
            return None
        try:
            return decode_generation(record)
        except (msgspec.DecodeError, RecursionError):
            _log.exception("the record of generation %s cannot be read", generation_id)
            raise Unavailable("The record of this generation cannot be read") from None

    async def generations_after(self, generation_id: str, most: int) -> Sequence[Generation]:
        """At most *most* generations whose id is greater, by id; only an empty answer means the end."""
        place = generation_id
        while found := await self._records_after(place, most):
            place = found[-1][0]
            if generations := readable(record for _, record in found):
                return generations
        return []

    async def _records_after(self, place: str, most: int) -> Sequence[tuple[str, str]]:
        query = select(GENERATIONS.c.id, GENERATIONS.c.record).where(GENERATIONS.c.id > place)
        query = query.order_by(GENERATIONS.c.id).limit(most)
        rows = await self._read(lambda connection: connection.execute(query).all())
        return [(row.id, row.record) for row in rows]

    async def find_generations(self, search: Search, most: int) -> Page:
        """At most *most* generations that fit *search*, newest first."""
        return await self._read(lambda connection: logbook.find_generations(connection, search, most))

    async def forget_generations(self, before: float, most: int) -> int:
        """Delete at most *most* generations from before that unix second, the oldest first; sums stay. How many."""

        def forget(connection: Connection) -> int:
            gone = logbook.forget_generations(connection, before, most)
            if gone < most:
                logbook.forget_moments(connection, before)
            return gone

        return await self._write(forget)

    async def activity(self, wanted: ActivityQuery) -> Sequence[ActivitySum]:
        """Sums of use: newest day first, then by name."""
        return await self._read(lambda connection: reports.activity(connection, wanted))

    async def spent(self, key_hash: str, since: float) -> int:
        """Pico-dollars that a key has spent from the beginning of the day of *since* (unix seconds, UTC), exact."""
        day = int(since) // SECONDS_PER_DAY
        return await self._read(lambda connection: reports.spent_by(connection, day, key_hash=key_hash))

    async def spent_by_account(self, account_id: str, since: float) -> int:
        """As :meth:`spent`, for all keys of an account, deleted ones included."""
        day = int(since) // SECONDS_PER_DAY
        return await self._read(lambda connection: reports.spent_by(connection, day, account_id=account_id))

    async def spendings(self, hashes: Sequence[str], since: Sequence[float]) -> Mapping[str, tuple[int, ...]]:
        """As :meth:`spent`, for several keys and several beginnings."""
        return await self._read(lambda connection: reports.spendings(connection, hashes, since))

    async def own_spendings(self, hashes: Sequence[str], since: Sequence[float]) -> Mapping[str, tuple[int, ...]]:
        """As :meth:`spendings`, for what providers billed the accounts of the keys directly."""
        return await self._read(lambda connection: reports.own_spendings(connection, hashes, since))

    async def last_used(self, keys: Sequence[tuple[str, str]]) -> Mapping[str, int]:
        """In which unix second each of *keys* (account, hash) was used last; those that never were are left out."""
        return await self._read(lambda connection: reports.last_used(connection, keys))

    async def half_spent(self, windows: Sequence[int]) -> Sequence[tuple[Budget, int, int]]:
        """Budgets of which at least half is booked in one of *windows* (beginnings): budget, beginning, booked."""
        return await self._read(lambda connection: reports.half_spent(connection, windows))

    async def claim_alert(self, budget_id: str, begins: int, percent: int) -> bool:
        """Whether nobody has told yet that so much of a budget is spent in that window; from now on somebody has."""
        return await self._write(lambda connection: reports.claim_alert(connection, budget_id, begins, percent))

    async def tokens_by_model(self, since: float) -> Mapping[str, int]:
        """Tokens read and written from the beginning of the day of *since* (unix seconds, UTC), by the model's id."""
        query = _tokens.where(ACTIVITY.c.day >= int(since) // SECONDS_PER_DAY)
        rows = await self._read(lambda connection: connection.execute(query).all())
        return {row.model: int(row.tokens) for row in rows}

    async def put_budget(self, budget: Budget) -> None:
        """Add a budget, or give one another limit. What its subject has spent in the present window counts."""
        now = self._clock.wall()
        await self._write(lambda connection: owners.put_budget(connection, budget, now))

    async def delete_budget(self, budget_id: str) -> bool:
        """Remove a budget; False when there is none."""
        return await self._write(lambda connection: owners.delete_budget(connection, budget_id))

    async def budgets(self, account_id: str | None = None) -> Sequence[Budget]:
        """The budgets of one account, or all."""
        query = select(*(BUDGETS.c[name] for name in Budget.__struct_fields__)).order_by(BUDGETS.c.id)
        if account_id is not None:
            query = query.where(BUDGETS.c.account_id == account_id)
        return await self._all(Budget, query)

    async def lease(self, node: str, claim: Claim, amounts: tuple[int, ...]) -> int:
        """Lease the first of *amounts* that the budget has left, the largest first; 0 when it has not even the last."""
        now = self._clock.wall()
        return await self._write(lambda connection: lease(connection, node, claim, amounts, now))

    async def lease_rest(self, node: str, claim: Claim, most: int) -> int:
        """Lease what the budget has left, but no more than *most*; how much that is."""
        now = self._clock.wall()
        return await self._write(lambda connection: lease_rest(connection, node, claim, most, now))

    async def give_back(self, node: str, claim: Claim, amount: int) -> None:
        """*node* has no use for *amount* of its lease."""
        now = self._clock.wall()
        await self._write(lambda connection: give_back(connection, node, claim, amount, now))

    async def reclaim(self, node: str | None, renewed_before: float) -> int:
        """Take back the leases of a node that starts anew, or of all that were not renewed since; how many."""
        return await self._write(lambda connection: reclaim(connection, node, renewed_before))

    async def beat(self, node: str, lost_seconds: float) -> int:
        """*node* lives; take back the leases of those that were silent for *lost_seconds*; how many."""
        return await self._write(lambda connection: beat(connection, node, lost_seconds))

    async def booked(self, claims: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """What has been booked of each window of each budget."""
        return await self._read(lambda connection: spent_in(connection, tuple(claims)))
