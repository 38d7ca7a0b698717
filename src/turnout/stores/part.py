"""What every part of a store stands on: a transaction of whichever SQL database it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Select
from sqlalchemy.exc import IntegrityError

from turnout.base.clock import Clock
from turnout.base.errors import NotFound
from turnout.stores.rows import all_rows, one_row

__all__ = ["StorePart"]

T = TypeVar("T")


class StorePart(ABC):
    """Methods of a store that belong together. A database adds how a transaction is run."""

    _clock: Clock

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

    async def _write_of_account(self, operation: Callable[[Connection], T]) -> T:
        """As :meth:`_write`, for rows that refer to an account.

        Raises:
            NotFound: there is no such account.
        """
        try:
            return await self._write(operation)
        except IntegrityError:
            raise NotFound("No such account") from None

    async def _one(self, kind: Callable[..., T], query: Select[Any]) -> T | None:
        """The row of *query*, if there is one, as one of *kind*."""
        return await self._read(lambda connection: one_row(connection, kind, query))

    async def _all(self, kind: Callable[..., T], query: Select[Any]) -> list[T]:
        """The rows of *query*, each as one of *kind*."""
        return await self._read(lambda connection: all_rows(connection, kind, query))
