"""Guardrails, on every SQL database alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import asdict
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from turnout.base.clock import Clock
from turnout.base.errors import NotFound
from turnout.base.jsons import encode
from turnout.domain.guardrail import Assignment, Guardrail, Holder
from turnout.stores.owners import keys_have_changed, put_budget, release_from_guardrails
from turnout.stores.schema import BUDGETS, GUARDRAIL_ASSIGNMENTS, GUARDRAILS

__all__ = ["SQLGuardrails"]

T = TypeVar("T")

_ROWS = GUARDRAILS.c
_HELD = GUARDRAIL_ASSIGNMENTS.c
_decode = msgspec.json.Decoder(Guardrail).decode


class SQLGuardrails(ABC):
    """The part of a store that implements ``contracts.guardrails.Guardrails``."""

    _clock: Clock

    @abstractmethod
    async def _read(self, operation: Callable[[Connection], T]) -> T:
        """What *operation* gives in a transaction that changes nothing."""

    @abstractmethod
    async def _write(self, operation: Callable[[Connection], T]) -> T:
        """What *operation* gives in a transaction."""

    async def put_guardrail(self, guardrail: Guardrail) -> None:
        """Add a guardrail."""
        row = {"id": guardrail.id, "account_id": guardrail.account_id, "created": guardrail.created}

        def put(connection: Connection) -> None:
            connection.execute(insert(GUARDRAILS).values(row | {"record": encode(guardrail).decode()}))
            keys_have_changed(connection)

        try:
            await self._write(put)
        except IntegrityError:
            raise NotFound("No such account") from None

    async def guardrail(self, guardrail_id: str) -> Guardrail | None:
        """The guardrail of that id."""
        return await self._read(lambda connection: _find(connection, guardrail_id))

    async def guardrails(self, account_id: str) -> Sequence[Guardrail]:
        """The guardrails of an account, newest first."""
        query = select(_ROWS.record).where(_ROWS.account_id == account_id)
        query = query.order_by(_ROWS.created.desc(), _ROWS.id.desc())
        found = await self._read(lambda connection: connection.execute(query).scalars().all())
        return [_decode(record) for record in found]

    async def guardrails_over(self, account_id: str, key_hash: str) -> Sequence[Guardrail]:
        """Those that apply to requests under a key: its own and its account's."""
        its = (_HELD.holder == "key") & (_HELD.subject == key_hash)
        whose = (_HELD.holder == "member") & (_HELD.subject == account_id)
        query = select(_ROWS.record).where(_ROWS.account_id == account_id, _ROWS.id == _HELD.guardrail_id, its | whose)
        found = await self._read(lambda connection: connection.execute(query.order_by(_HELD.holder)).scalars().all())
        return [_decode(record) for record in found]

    async def change_guardrail(self, guardrail_id: str, change: Callable[[Guardrail], Guardrail]) -> Guardrail | None:
        """Put what *change* makes of a guardrail in its place; None when there is none."""
        now = self._clock.wall()

        def put(connection: Connection) -> Guardrail | None:
            connection.execute(select(_ROWS.id).where(_ROWS.id == guardrail_id).with_for_update())
            before = _find(connection, guardrail_id)
            if before is None:
                return None
            changed = change(before)
            row = update(GUARDRAILS).where(_ROWS.id == guardrail_id).values(record=encode(changed).decode())
            connection.execute(row)
            if before.budget("key", "") != changed.budget("key", ""):
                _drop_budgets(connection, before)
                query = select(_HELD.holder, _HELD.subject).where(_HELD.guardrail_id == guardrail_id)
                for one in connection.execute(query).all():
                    _put_budget(connection, changed, one.holder, one.subject, now)
            keys_have_changed(connection)
            return changed

        return await self._write(put)

    async def delete_guardrail(self, guardrail_id: str) -> bool:
        """Remove a guardrail with its assignments and budgets; False when there is none."""

        def remove(connection: Connection) -> bool:
            found = _find(connection, guardrail_id)
            if found is None:
                return False
            _drop_budgets(connection, found)
            connection.execute(delete(GUARDRAIL_ASSIGNMENTS).where(_HELD.guardrail_id == guardrail_id))
            connection.execute(delete(GUARDRAILS).where(_ROWS.id == guardrail_id))
            keys_have_changed(connection)
            return True

        return await self._write(remove)

    async def assign_guardrail(self, assignments: Sequence[Assignment]) -> int:
        """Make *assignments*, in place of what their holders had; how many are new."""
        now = self._clock.wall()

        def assign(connection: Connection) -> int:
            new = 0
            for one in assignments:
                place = (_HELD.holder == one.holder) & (_HELD.subject == one.subject)
                if connection.execute(select(_HELD.guardrail_id).where(place)).scalar() == one.guardrail_id:
                    continue
                guardrail = _find(connection, one.guardrail_id)
                if guardrail is None:
                    raise NotFound("There is no guardrail of that id")
                release_from_guardrails(connection, one.holder, [one.subject])
                connection.execute(insert(GUARDRAIL_ASSIGNMENTS).values(asdict(one)))
                _put_budget(connection, guardrail, one.holder, one.subject, now)
                new += 1
            keys_have_changed(connection)
            return new

        return await self._write(assign)

    async def unassign_guardrail(self, guardrail_id: str, holder: Holder, subjects: Sequence[str]) -> int:
        """Free *subjects* of a guardrail; how many had it."""

        def unassign(connection: Connection) -> int:
            freed = release_from_guardrails(connection, holder, subjects, guardrail_id)
            keys_have_changed(connection)
            return freed

        return await self._write(unassign)

    async def guardrail_assignments(
        self, account_id: str, holder: Holder, guardrail_id: str | None = None
    ) -> Sequence[Assignment]:
        """The assignments of an account, or of one guardrail, oldest first."""
        query = select(GUARDRAIL_ASSIGNMENTS).where(_HELD.account_id == account_id, _HELD.holder == holder)
        if guardrail_id is not None:
            query = query.where(_HELD.guardrail_id == guardrail_id)
        query = query.order_by(_HELD.created, _HELD.id)
        found = await self._read(lambda connection: connection.execute(query).mappings().all())
        return [Assignment(**row) for row in found]


def _find(connection: Connection, guardrail_id: str) -> Guardrail | None:
    record = connection.execute(select(_ROWS.record).where(_ROWS.id == guardrail_id)).scalar()
    return None if record is None else _decode(record)


def _put_budget(connection: Connection, guardrail: Guardrail, holder: Holder, subject: str, now: float) -> None:
    budget = guardrail.budget(holder, subject)
    if budget is not None:
        put_budget(connection, budget, now)


def _drop_budgets(connection: Connection, guardrail: Guardrail) -> None:
    own = BUDGETS.c.subject.startswith(f"{guardrail.id}/", autoescape=True)
    there = (BUDGETS.c.account_id == guardrail.account_id) & (BUDGETS.c.scope == "guardrail") & own
    connection.execute(delete(BUDGETS).where(there))
