"""The slices of budgets that this node holds: reserve, settle and release without asking the store.

Invariants, for each window of each budget (an entry), in pico-dollars:

- ``granted`` is what the store has leased to this node less what the store has booked of it since.
- ``free = granted - spent - reserved``, where ``spent`` is settled here and not booked by the store yet. Nothing is
  reserved beyond what is free, so ``spent + reserved <= granted``, as long as nobody settles more than it reserved.
- The store leases no more than ``limit - booked - leased``, so over all nodes ``booked + spent + reserved <= limit``.
- A worker writes ``reserved`` and ``spent`` in a column of its own. What a killed worker leaves there can be thrown
  away once its journal is in the store: what it had reserved is not under way any more, what it had spent is booked.
- ``held``, the sum of all columns, stands beside them to be read at once; it is made anew whenever a worker is thrown
  away, who may have been killed between the two.
- All is read and written under one lock; nothing is awaited while it is held.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, LOCK_UN, flock, lockf
from hashlib import blake2b
from pathlib import Path
from typing import final

from msgspec import Struct

from turnout.base.errors import Unavailable
from turnout.domain.budget import Claim

__all__ = ["Purse", "Reservation", "Shortage"]

_BYTES = 8
_ENTRIES = 16_384
_MARK, _GRANTED, _HELD, _COLUMNS = 0, 1, 2, 3
"""An entry: the mark of its claim, what is granted, what is held; then reserved and spent of each worker."""


_RETIRED = -1
"""Not the end of a row of entries that share their first place, as zero is."""


class Reservation(Struct, frozen=True):
    """What one request holds of each of its claims. ``amount`` is in pico-dollars, ``made`` in unix seconds."""

    claims: tuple[Claim, ...]
    amount: int
    made: float
    places: tuple[int, ...]

    @property
    def budget_ids(self) -> tuple[str, ...]:
        """What the generation is charged to."""
        return tuple([claim.budget_id for claim in self.claims])


class Shortage(Struct, frozen=True):
    """The first claim that has not enough left here, and what it lacks in pico-dollars."""

    claim: Claim
    lacking: int


@final
class Purse:
    """Entries in a piece of memory: this process's own, or a file's that all workers of a node map.

    Not for several threads. ``free``, ``reserve`` and the others never wait for anything but the lock of the file.
    """

    def __init__(self, path: Path | None = None, columns: int = 1, entries: int = _ENTRIES) -> None:
        """The purse in the file at *path*, or in memory. Whoever spends out of a file calls :meth:`join` first.

        Raises:
            OSError: the file cannot be made or mapped.
        """
        self.column = 0
        self._columns = columns
        self._stride = _COLUMNS + 2 * columns
        self._mine = _COLUMNS
        self._entries = entries
        size = (entries * self._stride + columns) * _BYTES
        self._file: int | None = None
        if path is None:
            memory: mmap.mmap = mmap.mmap(-1, size)
        else:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            if os.fstat(self._file).st_size < size:
                os.ftruncate(self._file, size)
            memory = mmap.mmap(self._file, size)
        self._cells = memoryview(memory).cast("q")
        self._used = self._cells[entries * self._stride :]  # by column: 1 from joining until it has been cleaned
        self._known: dict[Claim, tuple[int, int]] = {}

    def join(self) -> None:
        """Take a clean column for this process; the kernel tells the others when it has died.

        Raises:
            Unavailable: there is none: too many workers have died, and their journals are not in the store yet.
        """
        with self._alone():
            for column in range(self._columns):
                if not self._used[column] and self._take_column(column):
                    self._used[column] = 1
                    self.column, self._mine = column, _COLUMNS + 2 * column
                    return
        raise Unavailable("No place for another worker in the purse yet", retry_after=1)

    def dead(self) -> list[int]:
        """The columns of processes that are gone. Clean them once their journals are in the store."""
        gone = [column for column in range(self._columns) if self._used[column] and self._take_column(column)]
        for column in gone:
            self._unlock_column(column)
        return gone

    def reserve(self, claims: Sequence[Claim], amount: int, now: float = 0.0) -> Reservation | Shortage:
        """Hold *amount* of every claim, or of none: then the first one that lacks something is told."""
        cells, mine, file = self._cells, self._mine, self._file
        places: list[int] = []
        if file is not None:  # said here and in settle, not in a function of its own: each request pays for it twice
            flock(file, LOCK_EX)
        try:
            for claim in claims:
                place = self._place(claim)
                lacking = amount - cells[place + _GRANTED] + cells[place + _HELD]
                if lacking > 0:
                    return Shortage(claim, lacking)
                places.append(place)
            for place in places:
                cells[place + _HELD] += amount
                cells[place + mine] += amount
        finally:
            if file is not None:
                flock(file, LOCK_UN)
        return Reservation(tuple(claims), amount, now, tuple(places))

    def settle(self, reservation: Reservation, cost: int) -> None:
        """What was reserved becomes *cost* spent. Zero releases it."""
        cells, mine, file, amount = self._cells, self._mine, self._file, reservation.amount
        if file is not None:
            flock(file, LOCK_EX)
        try:
            for place in reservation.places:
                cells[place + mine] -= amount
                cells[place + mine + 1] += cost
                cells[place + _HELD] += cost - amount
        finally:
            if file is not None:
                flock(file, LOCK_UN)

    def grant(self, claim: Claim, amount: int) -> None:
        """The store has leased *amount* more to this node; a negative amount has been given back."""
        with self._alone():
            self._cells[self._place(claim) + _GRANTED] += amount

    def booked(self, sums: Mapping[Claim, int], column: int) -> None:
        """The store has taken over what the worker of *column* had spent."""
        with self._alone():
            for claim, cost in sums.items():
                place = self._place(claim)
                self._cells[place + _GRANTED] -= cost
                self._cells[place + _HELD] -= cost
                self._cells[place + _COLUMNS + 2 * column + 1] -= cost

    def spare(self, claim: Claim, keep: int = 0) -> int:
        """Take what is free beyond *keep* out of the purse, to be given back to the store; how much that is."""
        with self._alone():
            place = self._place(claim)
            amount = max(0, self._free(place) - keep)
            self._cells[place + _GRANTED] -= amount
            return amount

    def free(self, claim: Claim) -> int:
        """What may still be reserved here without asking the store."""
        with self._alone():
            return self._free(self._place(claim))

    def retire(self, claim: Claim) -> bool:
        """Make room where a window is over: False while something of it is still granted, reserved or spent."""
        with self._alone():
            place = self._place(claim)
            idle = not any(self._cells[place + 1 : place + self._stride])
            if idle:
                self._cells[place] = _RETIRED
            self._known.pop(claim, None)
            return idle

    def empty(self) -> None:
        """Let go of all that is free, of every claim, without telling the store: it may have been given to others."""
        cells = self._cells
        with self._alone():
            for place in range(0, self._entries * self._stride, self._stride):
                if cells[place + _MARK] > 0:
                    cells[place + _GRANTED] = min(cells[place + _GRANTED], cells[place + _HELD])

    def forget_worker(self, column: int) -> None:
        """The worker of *column* is dead and its journal is in the store."""
        cells = self._cells
        with self._alone():
            self._used[column] = 0
            for place in range(0, self._entries * self._stride, self._stride):
                if cells[place + _MARK] > 0:
                    cells[place + _COLUMNS + 2 * column] = cells[place + _COLUMNS + 2 * column + 1] = 0
                    cells[place + _HELD] = sum(cells[place + _COLUMNS : place + self._stride])

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _free(self, place: int) -> int:
        return self._cells[place + _GRANTED] - self._cells[place + _HELD]

    def _place(self, claim: Claim) -> int:
        """Where the entry of *claim* begins; a new one takes the first unused place."""
        found = self._known.get(claim)
        if found is not None and self._cells[found[0]] == found[1]:
            return found[0]
        mark = _mark_of(claim)
        place = self._find(mark)
        self._cells[place] = mark
        if len(self._known) >= self._entries:
            self._known.clear()
        self._known[claim] = (place, mark)
        return place

    def _find(self, mark: int) -> int:
        """The place of the entry with *mark*, else one for it."""
        cells, stride, unused = self._cells, self._stride, -1
        place = mark % self._entries * stride
        for _ in range(self._entries):
            there = cells[place]
            if there == mark:
                return place
            if there <= 0 and unused < 0:
                unused = place
            if there == 0:
                break
            place = (place + stride) % (self._entries * stride)
        if unused < 0:
            raise Unavailable("More budgets are in use than this node can hold", retry_after=60)
        return unused

    def _take_column(self, column: int) -> bool:
        """Whether nobody else has *column*; it is this process's then."""
        if self._file is None:
            return True
        try:
            lockf(self._file, LOCK_EX | LOCK_NB, 1, column)
        except OSError:
            return False
        return True

    def _unlock_column(self, column: int) -> None:
        if self._file is not None:
            lockf(self._file, LOCK_UN, 1, column)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        file = self._file
        if file is not None:
            flock(file, LOCK_EX)
        try:
            yield
        finally:
            if file is not None:
                flock(file, LOCK_UN)


def _mark_of(claim: Claim) -> int:
    text = f"{claim.budget_id}|{claim.begins}".encode()
    return int.from_bytes(blake2b(text, digest_size=7).digest(), "big") + 1
