"""Single generations, newest first, without an index on anything but their id; for every database alike.

Ids grow with time. A search walks down them and looks at a bounded number of rows, however many there are. Two things
let it leap: the moments say in which seconds an account or a key was used, and the daily sums say on which days a
model, a provider or an end user was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, final

from sqlalchemy import ColumnElement, Connection, delete, select

from turnout.domain.activity import Page, Search
from turnout.stores.activity import SECONDS_PER_DAY
from turnout.stores.rows import readable
from turnout.stores.schema import ACCOUNTS, ACTIVITY, GENERATIONS, MOMENTS

__all__ = ["find_generations", "forget_generations", "forget_moments"]

_MOST_EXAMINED: Final = 12_000  # rows
_MOST_STEPS: Final = 150
_FIRST_WINDOW: Final = 64  # rows
_LARGEST_WINDOW: Final = 4_000
_AFTER_ALL: Final = "gen-~"
_SECOND: Final = slice(4, 14)  # of an id: gen-<unix seconds>-…
_LATEST: Final = 9_999_999_999

_id = GENERATIONS.c.id


def find_generations(connection: Connection, search: Search, most: int) -> Page:
    """At most *most* generations that fit *search*, newest first."""
    walk = _Walk(connection, search)
    found: list[tuple[str, str]] = []  # ids and records
    while not walk.over:
        found += walk.step(most + 1 - len(found))
        if len(found) > most:
            return Page(readable(record for _, record in found[:most]), found[most - 1][0])
        if walk.tired:
            return Page(readable(record for _, record in found), walk.place)
    return Page(readable(record for _, record in found), None)


def forget_generations(connection: Connection, before: float, most: int) -> int:
    """Delete at most *most* of the generations from before that unix second, the oldest first; how many it were."""
    oldest = select(_id).where(_id < _begin_of(before)).order_by(_id).limit(most)
    return connection.execute(delete(GENERATIONS).where(_id.in_(oldest))).rowcount


def forget_moments(connection: Connection, before: float) -> None:
    """Delete the moments of generations that are deleted."""
    for account_id in connection.execute(select(ACCOUNTS.c.id)).scalars().all():
        old = (MOMENTS.c.account_id == account_id) & (MOMENTS.c.moment < _begin_of(before))
        connection.execute(delete(MOMENTS).where(old))


@final
class _Walk:
    """One search on its way down. ``place`` is the id below which it goes on."""

    def __init__(self, connection: Connection, search: Search) -> None:
        self._connection = connection
        self._search = search
        self._floor = "gen-" if search.since is None else _begin_of(search.since)
        self._wanted = _conditions(search)
        self._selective = len(self._wanted) > 1 + (search.key_hash is not None)
        self._day: int | None = None
        self._steps = 0
        self._examined = 0
        self._window = _FIRST_WINDOW
        self.over = False
        self.place = _AFTER_ALL if search.until is None else _begin_of(search.until + 1)
        if search.before is not None:
            self.place = min(self.place, search.before)

    @property
    def tired(self) -> bool:
        """It has looked at enough for one reply."""
        return self._examined >= _MOST_EXAMINED or self._steps >= _MOST_STEPS

    def step(self, most: int) -> Sequence[tuple[str, str]]:
        """Go on a little: at most *most* ids and records that fit."""
        self._steps += 1
        if not (self._leap_to_day() and self._leap_to_moment()):
            self.over = True
            return []
        above, below = self.place > _id, self._floor <= _id
        edge = select(_id).where(above, below).order_by(_id.desc()).limit(1).offset(self._window - 1)
        bottom = self._connection.execute(edge).scalar()
        if bottom is not None:
            below = bottom <= _id  # in its stead: of two bounds a database may take the wrong one to stop at
        query = select(_id, GENERATIONS.c.record).where(above, below, *self._wanted).order_by(_id.desc()).limit(most)
        rows = self._connection.execute(query).all()
        self._examined += self._window
        if not rows or (self._selective and 2 * len(rows) < most):
            self._window = min(self._window * 2, _LARGEST_WINDOW)
        else:
            self._window = _FIRST_WINDOW  # the moments lead from one to the next
        self.over = bottom is None
        self.place = bottom or self.place
        return [(row.id, row.record) for row in rows]

    def _leap_to_moment(self) -> bool:
        """Down to the next second in which the account was used, or the key."""
        search, moments = self._search, MOMENTS.c
        query = select(moments.moment).where(
            moments.account_id == search.account_id, moments.moment < self.place, moments.moment >= self._floor
        )
        if search.key_hash is not None:
            query = query.where(moments.key_hash == search.key_hash)
        moment = self._connection.execute(query.order_by(moments.moment.desc()).limit(1)).scalar()
        if moment is None:
            return False
        self.place = min(self.place, f"{moment}~")
        return True

    def _leap_to_day(self) -> bool:
        """Down to the next day whose sums have something that fits."""
        search = self._search
        names = (ACTIVITY.c.key_hash, ACTIVITY.c.model, ACTIVITY.c.provider, ACTIVITY.c.end_user)
        values = (search.key_hash, search.model, search.provider, search.user)
        fitting = [column == value for column, value in zip(names, values, strict=True) if value is not None]
        if search.outcome == "failed":
            fitting.append(ACTIVITY.c.failed > 0)
        second = self.place[_SECOND]
        if not fitting or not second.isdecimal():
            day = None if not fitting else _LATEST // SECONDS_PER_DAY
        else:
            day = int(second) // SECONDS_PER_DAY
        if day is None or day == self._day:
            return True
        query = select(ACTIVITY.c.day).where(ACTIVITY.c.account_id == search.account_id, ACTIVITY.c.day <= day)
        self._day = self._connection.execute(query.where(*fitting).order_by(ACTIVITY.c.day.desc()).limit(1)).scalar()
        if self._day is None:
            return False
        self.place = min(self.place, _begin_of((self._day + 1) * SECONDS_PER_DAY))
        return True


def _conditions(search: Search) -> list[ColumnElement[bool]]:
    """What a row must be."""
    columns = GENERATIONS.c
    equal: tuple[tuple[ColumnElement[Any], object], ...] = (
        (columns.key_hash, search.key_hash),
        (columns.model, search.model),
        (columns.provider, search.provider),
        (columns.end_user, search.user),
        (columns.outcome, search.outcome),
    )
    wanted = [columns.account_id == search.account_id]
    wanted += [column == value for column, value in equal if value is not None]
    if search.since is not None:
        wanted.append(columns.created >= search.since)
    if search.until is not None:
        wanted.append(columns.created < search.until)
    if search.min_cost is not None:
        wanted.append(columns.cost >= search.min_cost)
    if search.parent_id is not None:
        wanted += [columns.id != search.parent_id, columns.record.contains(f'"{search.parent_id}"', autoescape=True)]
    return wanted


def _begin_of(second: float) -> str:
    """What ids of that unix second begin with: smaller than all of them, larger than all before."""
    return f"gen-{min(max(int(second), 0), _LATEST):010d}"
