"""What a store does alike on every SQL database: each method of the contract as statements in one transaction."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TypeVar

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Connection, Dialect, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from turnout.base.clock import Clock
from turnout.base.errors import NotFound, Unavailable
from turnout.base.money import PICO_PER_DOLLAR
from turnout.contracts.store import Delivery
from turnout.domain.account import Account, Generation, GenerationRow, Key
from turnout.domain.budget import Budget, Claim, Scope
from turnout.stores import rows as between
from turnout.stores.activity import SECONDS_PER_DAY
from turnout.stores.dialects import Insert, insert_into
from turnout.stores.leasing import give_back, lease, reclaim, spent_in
from turnout.stores.schema import ACCOUNTS, ACTIVITY, BUDGETS, GENERATIONS, JOURNALS, KEYS, REVISIONS

__all__ = ["SQLStore"]

T = TypeVar("T")

_KEYS = "keys"

_decode_generation = msgspec.json.Decoder(Generation).decode
_log = logging.getLogger(__name__)

_spent = select(func.sum(ACTIVITY.c.dollars), func.sum(ACTIVITY.c.pico))
_tokens = select(
    ACTIVITY.c.model, func.sum(ACTIVITY.c.prompt_tokens + ACTIVITY.c.completion_tokens).label("tokens")
).group_by(ACTIVITY.c.model)


class SQLStore(ABC):
    """Accounts, keys, generations and budgets. A database adds how it is opened, and how a transaction is run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @abstractmethod
    async def _read(self, operation: Callable[[Connection], T]) -> T:
        """What *operation* gives in a transaction that changes nothing.

        Raises:
            Unavailable: the database cannot be asked.
        """

    @abstractmethod
    async def _write(self, operation: Callable[[Connection], T]) -> T:
        """What *operation* gives in a transaction.

        Raises:
            Unavailable: the database cannot be asked, and nothing is changed, as far as can be known.
        """

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

    async def put_account(self, account: Account) -> None:
        """Add or replace an account."""
        await self._write(
            lambda connection: connection.execute(
                _putting(ACCOUNTS, connection.dialect), between.account_row(account)
            )
        )

    async def put_key(self, key: Key) -> None:
        """Add or replace a key.

        Raises:
            NotFound: there is no such account.
        """

        def put(connection: Connection) -> None:
            connection.execute(_putting(KEYS, connection.dialect), between.key_row(key))
            connection.execute(_bump(connection.dialect))

        try:
            await self._write(put)
        except IntegrityError:
            raise NotFound("No such account") from None

    async def key(self, key_hash: str) -> Key | None:
        """The key of that hash, disabled ones included."""
        query = select(KEYS).where(KEYS.c.hash == key_hash)
        found = await self._read(lambda connection: connection.execute(query).mappings().one_or_none())
        return None if found is None else between.key_of(found)

    async def keys(self, account_id: str | None = None) -> Sequence[Key]:
        """All keys, or those of one account, oldest first."""
        query = select(KEYS).order_by(KEYS.c.created, KEYS.c.hash)
        if account_id is not None:
            query = query.where(KEYS.c.account_id == account_id)
        found = await self._read(lambda connection: connection.execute(query).mappings().all())
        return [between.key_of(row) for row in found]

    async def disable_key(self, key_hash: str, *, disabled: bool) -> bool:
        """Switch a key off or on; False when there is none."""
        change = update(KEYS).where(KEYS.c.hash == key_hash).values(disabled=disabled)

        def switch(connection: Connection) -> bool:
            found = connection.execute(change).rowcount > 0
            if found:
                connection.execute(_bump(connection.dialect))
            return found

        return await self._write(switch)

    async def delete_key(self, key_hash: str) -> bool:
        """Remove a key; its generations stay. False when there is none."""
        change = delete(KEYS).where(KEYS.c.hash == key_hash)

        def remove(connection: Connection) -> bool:
            found = connection.execute(change).rowcount > 0
            if found:
                connection.execute(_bump(connection.dialect))
            return found

        return await self._write(remove)

    async def keys_revision(self) -> int:
        """A number that grows with every change of a key."""
        query = select(REVISIONS.c.value).where(REVISIONS.c.name == _KEYS)
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
            return _decode_generation(record)
        except (msgspec.DecodeError, RecursionError):
            _log.exception("the record of generation %s cannot be read", generation_id)
            raise Unavailable("The record of this generation cannot be read") from None

    async def generations_after(self, generation_id: str, most: int) -> Sequence[Generation]:
        """At most *most* generations whose id is greater, by id; only an empty answer means the end."""
        place = generation_id
        while found := await self._records_after(place, most):
            place = found[-1][0]
            if readable := [one for _, record in found if (one := _readable(record)) is not None]:
                return readable
        return []

    async def _records_after(self, place: str, most: int) -> Sequence[tuple[str, str]]:
        query = select(GENERATIONS.c.id, GENERATIONS.c.record).where(GENERATIONS.c.id > place)
        query = query.order_by(GENERATIONS.c.id).limit(most)
        rows = await self._read(lambda connection: connection.execute(query).all())
        return [(row.id, row.record) for row in rows]

    async def spent(self, key_hash: str, since: float) -> int:
        """Pico-dollars that a key has spent from the beginning of the day of *since* (unix seconds, UTC), exact."""
        query = _spent.where(ACTIVITY.c.key_hash == key_hash, ACTIVITY.c.day >= int(since) // SECONDS_PER_DAY)
        dollars, pico = await self._read(lambda connection: connection.execute(query).one())
        return int(dollars or 0) * PICO_PER_DOLLAR + int(pico or 0)

    async def tokens_by_model(self, since: float) -> Mapping[str, int]:
        """Tokens read and written from the beginning of the day of *since* (unix seconds, UTC), by the model's id."""
        query = _tokens.where(ACTIVITY.c.day >= int(since) // SECONDS_PER_DAY)
        rows = await self._read(lambda connection: connection.execute(query).all())
        return {row.model: int(row.tokens) for row in rows}

    async def put_budgets(self, account_id: str, scope: Scope, subject: str, budgets: Sequence[Budget]) -> None:
        """Make *budgets* the only ones of *subject*. What was spent under an earlier limit still counts."""
        there = (BUDGETS.c.account_id == account_id) & (BUDGETS.c.scope == scope) & (BUDGETS.c.subject == subject)

        def put(connection: Connection) -> None:
            connection.execute(delete(BUDGETS).where(there))
            if budgets:
                connection.execute(insert(BUDGETS), [asdict(budget) | {"id": budget.id} for budget in budgets])
            connection.execute(_bump(connection.dialect))

        await self._write(put)

    async def budgets(self, account_id: str | None = None) -> Sequence[Budget]:
        """The budgets of one account, or all."""
        query = select(BUDGETS).order_by(BUDGETS.c.id)
        if account_id is not None:
            query = query.where(BUDGETS.c.account_id == account_id)
        found = await self._read(lambda connection: connection.execute(query).mappings().all())
        return [Budget(**{name: row[name] for name in Budget.__struct_fields__}) for row in found]

    async def lease(self, node: str, claim: Claim, amounts: tuple[int, ...]) -> int:
        """Lease the first of *amounts* that the budget has left, the largest first; 0 when it has not even the last."""
        now = self._clock.wall()
        return await self._write(lambda connection: lease(connection, node, claim, amounts, now))

    async def give_back(self, node: str, claim: Claim, amount: int) -> None:
        """*node* has no use for *amount* of its lease."""
        now = self._clock.wall()
        await self._write(lambda connection: give_back(connection, node, claim, amount, now))

    async def reclaim(self, node: str | None, renewed_before: float) -> int:
        """Take back the leases of a node that starts anew, or of all that were not renewed since; how many."""
        return await self._write(lambda connection: reclaim(connection, node, renewed_before))

    async def booked(self, claims: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], int]:
        """What has been booked of each window of each budget."""
        return await self._read(lambda connection: spent_in(connection, tuple(claims)))


@cache
def _putting(table: Table, dialect: Dialect) -> Insert:
    """A row of *table*, instead of the one with its primary key if there is one."""
    adding = insert_into(table, dialect)
    changed = {column.key: adding.excluded[column.key] for column in table.c if not column.primary_key}
    return adding.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)


@cache
def _bump(dialect: Dialect) -> Insert:
    """Say that keys have changed."""
    adding = insert_into(REVISIONS, dialect).values(name=_KEYS, value=1)
    return adding.on_conflict_do_update(index_elements=[REVISIONS.c.name], set_={"value": REVISIONS.c.value + 1})


def _readable(record: str) -> Generation | None:
    try:
        return _decode_generation(record)
    except (msgspec.DecodeError, RecursionError):
        return None
