"""Credentials of providers, on every SQL database alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.structs import asdict, replace
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from turnout.base.errors import NotFound
from turnout.domain.credential import Credential
from turnout.stores.owners import keys_have_changed
from turnout.stores.schema import CREDENTIALS

__all__ = ["SQLCredentials"]

T = TypeVar("T")

_LISTS = ("models", "key_hashes", "user_ids")
_ROWS = CREDENTIALS.c


class SQLCredentials(ABC):
    """The part of a store that implements ``contracts.credentials.Credentials``."""

    @abstractmethod
    async def _read(self, operation: Callable[[Connection], T]) -> T:
        """What *operation* gives in a transaction that changes nothing."""

    @abstractmethod
    async def _write(self, operation: Callable[[Connection], T]) -> T:
        """What *operation* gives in a transaction."""

    async def put_credential(self, credential: Credential) -> Credential:
        """Add a credential, as the last of its account and provider; it is returned as it is kept."""
        last = select(func.max(_ROWS.sort_order)).where(
            _ROWS.account_id == credential.account_id, _ROWS.provider == credential.provider
        )

        def add(connection: Connection) -> Credential:
            before = connection.execute(last).scalar()
            kept = replace(credential, sort_order=0 if before is None else before + 1)
            connection.execute(insert(CREDENTIALS).values(_row(kept)))
            keys_have_changed(connection)
            return kept

        try:
            return await self._write(add)
        except IntegrityError:
            raise NotFound("No such account") from None

    async def credential(self, credential_id: str) -> Credential | None:
        """The credential of that id."""
        return await self._read(lambda connection: _find(connection, credential_id))

    async def credentials(self, account_id: str | None = None) -> Sequence[Credential]:
        """All credentials, or those of one account, by provider and in their order."""
        return await self._read(lambda connection: _all(connection, account_id))

    async def change_credential(
        self, credential_id: str, change: Callable[[Credential], Credential]
    ) -> Credential | None:
        """Put what *change* makes of a credential in its place; None when there is none."""

        def put(connection: Connection) -> Credential | None:
            connection.execute(select(_ROWS.id).where(_ROWS.id == credential_id).with_for_update())
            before = _find(connection, credential_id)
            if before is None:
                return None
            changed = change(before)
            connection.execute(update(CREDENTIALS).where(_ROWS.id == credential_id).values(_row(changed)))
            keys_have_changed(connection)
            return changed

        return await self._write(put)

    async def reseal_credentials(self, reseal: Callable[[Credential], bytes]) -> int:
        """Replace what is sealed of every credential, in one transaction; how many there are."""

        def put(connection: Connection) -> int:
            connection.execute(select(_ROWS.id).order_by(_ROWS.id).with_for_update())
            found = _all(connection, None)
            for one in found:
                connection.execute(update(CREDENTIALS).where(_ROWS.id == one.id).values(sealed=reseal(one)))
            keys_have_changed(connection)
            return len(found)

        return await self._write(put)

    async def delete_credential(self, credential_id: str) -> bool:
        """Remove a credential and what is sealed of it; False when there is none."""

        def remove(connection: Connection) -> bool:
            gone = connection.execute(delete(CREDENTIALS).where(_ROWS.id == credential_id)).rowcount > 0
            keys_have_changed(connection)
            return gone

        return await self._write(remove)


def _find(connection: Connection, credential_id: str) -> Credential | None:
    row = connection.execute(select(CREDENTIALS).where(_ROWS.id == credential_id)).mappings().one_or_none()
    return None if row is None else _credential(row)


def _all(connection: Connection, account_id: str | None) -> list[Credential]:
    query = select(CREDENTIALS).order_by(_ROWS.provider, _ROWS.fallback, _ROWS.sort_order, _ROWS.id)
    if account_id is not None:
        query = query.where(_ROWS.account_id == account_id)
    return [_credential(row) for row in connection.execute(query).mappings()]


def _row(credential: Credential) -> dict[str, Any]:
    row = asdict(credential)
    return row | {name: None if row[name] is None else msgspec.json.encode(row[name]).decode() for name in _LISTS}


def _credential(row: Mapping[Any, Any]) -> Credential:
    values = dict(row)
    for name in _LISTS:
        text = values[name]
        values[name] = None if text is None else msgspec.json.decode(text, type=tuple[str, ...])
    return Credential(**values)
