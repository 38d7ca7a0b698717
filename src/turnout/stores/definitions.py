"""Definitions of Query and Score LLMs and their use, on every SQL database alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Dialect, Double, FromClause, Select, Table, cast, func, select

from turnout.base.money import PICO_PER_DOLLAR, Pico
from turnout.contracts.definitions import DefinitionSort, Span
from turnout.domain.query import DefinitionKind, StoredDefinition, UseOfDefinition, UseTotals
from turnout.stores.dialects import insert_into
from turnout.stores.part import StorePart
from turnout.stores.schema import DEFINITION_NAMES, DEFINITION_USES, DEFINITIONS

__all__ = ["SQLDefinitions"]

_USES = DEFINITION_USES.c
_ORDERS: Final[Mapping[DefinitionSort, ColumnElement[Any]]] = {
    "tokens": func.sum(_USES.prompt_tokens + _USES.completion_tokens),
    "completion_tokens": func.sum(_USES.completion_tokens),
    "prompt_tokens": func.sum(_USES.prompt_tokens),
    "cost": func.sum(cast(_USES.cost, Double) + cast(_USES.embedding_cost, Double)),  # an order needs no exactness
    "requests": func.sum(_USES.requests),
}
_MONEY: Final = ("cost", "embedding_cost")
_SUMS: Final = tuple(name for name in UseTotals.__struct_fields__ if name not in _MONEY)
_totals = select(
    *(func.sum(_USES[name]).label(name) for name in _SUMS),
    *(func.sum(_USES[name] // PICO_PER_DOLLAR).label(f"{name}_dollars") for name in _MONEY),
    *(func.sum(_USES[name] % PICO_PER_DOLLAR).label(f"{name}_pico") for name in _MONEY),  # 64 bits do not hold all
)


class SQLDefinitions(StorePart):
    """The part of a store that implements ``contracts.definitions.Definitions``."""

    async def put_definitions(self, definitions: Sequence[StoredDefinition]) -> None:
        """Keep those that their accounts have not registered before."""
        await self._keep(DEFINITIONS, definitions)

    async def definition(self, kind: DefinitionKind, definition_id: str) -> StoredDefinition | None:
        """The definition as it was registered first."""
        query = select(DEFINITIONS).where(DEFINITIONS.c.kind == kind, DEFINITIONS.c.id == definition_id)
        query = query.order_by(DEFINITIONS.c.created, DEFINITIONS.c.account_id).limit(1)
        return await self._one(StoredDefinition, query)

    async def definition_of_table(self, kind: DefinitionKind, table_id: str) -> StoredDefinition | None:
        """The first definition that learns in the training table of that id."""
        query = select(DEFINITIONS).where(DEFINITIONS.c.training_table_id == table_id, DEFINITIONS.c.kind == kind)
        query = query.order_by(DEFINITIONS.c.created, DEFINITIONS.c.id, DEFINITIONS.c.account_id).limit(1)
        return await self._one(StoredDefinition, query)

    async def definitions(
        self,
        kind: DefinitionKind,
        *,
        account_id: str | None = None,
        sort: DefinitionSort = "created",
        span: Span = (None, None),
        count: int = 100,
        offset: int = 0,
    ) -> Sequence[str]:
        """Ids, those of an account if one is named, the first in the order of *sort* first."""
        query = _listed(kind, account_id, span) if sort == "created" else _by_use(kind, account_id, sort, span)
        query = query.limit(count).offset(offset)
        found = await self._read(lambda connection: connection.execute(query).all())
        return [row.id for row in found]

    async def count_definitions(self, kind: DefinitionKind, account_id: str | None = None) -> int:
        """How many there are."""
        query = select(func.count(DEFINITIONS.c.id.distinct())).where(*_of(kind, account_id))
        return await self._read(lambda connection: connection.execute(query).scalar() or 0)

    async def name_definition(self, kind: DefinitionKind, account_id: str, name: str, definition_id: str) -> None:
        """Let *name* mean that definition from now on, where *account_id* is the author."""

        def put(connection: Connection) -> None:
            adding = insert_into(DEFINITION_NAMES, connection).values(
                account_id=account_id, kind=kind, name=name, definition_id=definition_id
            )
            keys = [column.name for column in DEFINITION_NAMES.primary_key]
            connection.execute(adding.on_conflict_do_update(index_elements=keys, set_={"definition_id": definition_id}))

        await self._write(put)

    async def named_definition(self, kind: DefinitionKind, account_id: str, name: str) -> str | None:
        """The id of what the author *account_id* calls *name*."""
        names = DEFINITION_NAMES.c
        query = select(names.definition_id).where(
            names.account_id == account_id, names.kind == kind, names.name == name
        )
        return await self._read(lambda connection: connection.execute(query).scalar())

    async def add_uses(self, uses: Sequence[UseOfDefinition]) -> None:
        """Keep those that are not there yet."""
        await self._keep(DEFINITION_USES, uses)

    async def use_totals(
        self, kind: DefinitionKind, definition_id: str, *, account_id: str | None = None, span: Span = (None, None)
    ) -> UseTotals:
        """The sums of the uses of one definition, exact."""
        query = _totals.where(_USES.kind == kind, _USES.definition_id == definition_id, *_within(_USES.created, span))
        if account_id is not None:
            query = query.where(_USES.account_id == account_id)
        row = await self._read(lambda connection: connection.execute(query).mappings().one())
        money: dict[str, Any] = {
            name: Pico(int(row[f"{name}_dollars"] or 0) * PICO_PER_DOLLAR + int(row[f"{name}_pico"] or 0))
            for name in _MONEY
        }
        sums: dict[str, Any] = {name: _number(name, row[name]) for name in _SUMS}
        return UseTotals(**sums, **money)

    async def _keep(self, table: Table, structs: Sequence[Struct]) -> None:
        """Add a row for each of *structs*, whose fields are the columns of *table*."""
        rows = sorted(map(attrgetter(*table.c.keys()), structs))  # by the primary key, which comes first

        def add(connection: Connection) -> None:
            connection.exec_driver_sql(_adding(table, connection.dialect), rows)

        if rows:
            await self._write(add)


@cache
def _adding(table: Table, dialect: Dialect) -> str:
    """Made once: a completion of many voters adds many rows."""
    return str(insert_into(table, dialect).on_conflict_do_nothing().compile(dialect=dialect))


def _number(name: str, total: Any) -> int | float:  # noqa: ANN401 - databases add in types of their own
    return float(total or 0) if name in {"confidence", "contrast"} else int(total or 0)


def _of(kind: DefinitionKind, account_id: str | None) -> list[ColumnElement[bool]]:
    wanted = [DEFINITIONS.c.kind == kind]
    return wanted if account_id is None else [*wanted, DEFINITIONS.c.account_id == account_id]


def _within(column: ColumnElement[float], span: Span) -> list[ColumnElement[bool]]:
    first, end = span
    conditions = [] if first is None else [column >= first]
    return conditions if end is None else [*conditions, column < end]


def _first_seen(kind: DefinitionKind, account_id: str | None) -> FromClause:
    query = select(DEFINITIONS.c.id, func.min(DEFINITIONS.c.created).label("created"))
    return query.where(*_of(kind, account_id)).group_by(DEFINITIONS.c.id).subquery()


def _listed(kind: DefinitionKind, account_id: str | None, span: Span) -> Select[tuple[str]]:
    seen = _first_seen(kind, account_id)
    return select(seen.c.id).where(*_within(seen.c.created, span)).order_by(seen.c.created.desc(), seen.c.id)


def _by_use(kind: DefinitionKind, account_id: str | None, sort: DefinitionSort, span: Span) -> Select[tuple[str]]:
    seen = _first_seen(kind, account_id)
    use = select(_USES.definition_id, _ORDERS[sort].label("amount"))
    use = use.where(_USES.kind == kind, *_within(_USES.created, span))
    if account_id is not None:
        use = use.where(_USES.account_id == account_id)
    used = use.group_by(_USES.definition_id).subquery()
    joined = seen.outerjoin(used, seen.c.id == used.c.definition_id)
    amount = func.coalesce(used.c.amount, 0)
    return select(seen.c.id).select_from(joined).order_by(amount.desc(), seen.c.created.desc(), seen.c.id)
