"""What was used, summed by day, key, model, provider and end user while generations come in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import add
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Table

from turnout.base.money import PICO_PER_DOLLAR
from turnout.domain.account import GenerationRow
from turnout.stores.dialects import insert_into
from turnout.stores.schema import ACTIVITY, COUNTS, MOMENTS, OWN_USE, TOTALS

__all__ = ["SECONDS_PER_DAY", "Sums", "add_sums", "sums_of"]

SECONDS_PER_DAY: Final = 86_400

_MOMENT = 14  # letters: gen-<unix seconds>
_Where = tuple[int, str, str, str, str, str]


class Sums(dict[_Where, list[int]]):
    """By day, account, key, model, provider and end user: requests, failures, tokens in, of those read from a cache,
    tokens out, of those reasoning, and pico-dollars. ``moments`` are the seconds in which keys were used, ``own`` is
    what providers billed accounts directly, by key, day and account.
    """

    def __init__(self) -> None:
        super().__init__()
        self.moments: set[tuple[str, str, str]] = set()
        self.own: dict[tuple[str, int, str], int] = {}


def sums_of(rows: Iterable[GenerationRow], sums: Sums) -> None:
    """Add *rows* to *sums*. Days are those of the arrival, UTC, counted from 1970."""
    moments = sums.moments
    for row in rows:
        usage = row.usage
        moments.add((row.account_id, row.id[:_MOMENT], row.key_hash))
        where = (
            int(row.created) // SECONDS_PER_DAY,
            row.account_id,
            row.key_hash,
            row.model,
            row.provider or "",
            row.user or "",
        )
        entry = sums.get(where)
        if entry is None:
            entry = sums[where] = [0, 0, 0, 0, 0, 0, 0]
        entry[0] += 1
        if row.outcome == "failed":
            entry[1] += 1
        entry[2] += usage.prompt_tokens
        entry[3] += usage.cache_read
        entry[4] += usage.completion_tokens
        entry[5] += usage.reasoning
        entry[6] += row.cost
        if usage.own:
            place = (row.key_hash, where[0], row.account_id)
            sums.own[place] = sums.own.get(place, 0) + usage.own


def add_sums(connection: Connection, sums: Sums) -> None:
    """Add *sums* to those in the store. Money is kept as whole dollars and the pico-dollars below one: 64 bits would
    not hold the sum of everything, and SQLite turns an overflow into an inexact number without a word.
    """
    if not sums:
        return
    totals: dict[tuple[str, int, str, str], list[int]] = {}
    for (day, account_id, _, model, provider, _), figures in sums.items():
        kept = totals.get((account_id, day, model, provider))
        totals[account_id, day, model, provider] = figures if kept is None else list(map(add, kept, figures))
    connection.exec_driver_sql(_statement(ACTIVITY, connection.dialect), _rows(sums))
    connection.exec_driver_sql(_statement(TOTALS, connection.dialect), _rows(totals))
    connection.exec_driver_sql(_moments_statement(connection.dialect), sorted(sums.moments))
    if sums.own:
        rows = [(*where, *divmod(figure, PICO_PER_DOLLAR)) for where, figure in sorted(sums.own.items())]
        connection.exec_driver_sql(_statement(OWN_USE, connection.dialect), rows)


def _rows(sums: Mapping[Any, Sequence[int]]) -> list[tuple[object, ...]]:
    """Ordered: two writers who lock rows in one order do not wait for each other for ever."""
    ordered = sorted(sums.items())
    return [(*where, *figures[:6], *divmod(figures[6], PICO_PER_DOLLAR)) for where, figures in ordered]


@cache
def _statement(table: Table, dialect: Dialect) -> str:
    adding = insert_into(table, dialect)
    new, kept = adding.excluded, table.c
    pico = kept.pico + new["pico"]
    changed = {name: kept[name] + new[name] for name in COUNTS if name in kept}
    changed["dollars"] = kept.dollars + new["dollars"] + pico // PICO_PER_DOLLAR
    changed["pico"] = pico % PICO_PER_DOLLAR
    adding = adding.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)
    return str(adding.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


@cache
def _moments_statement(dialect: Dialect) -> str:
    return str(insert_into(MOMENTS, dialect).on_conflict_do_nothing().compile(dialect=dialect))
