"""Moves journals into the store.

The offset up to which a journal has been read is stored in the same transaction as the generations it stands for, so
neither a kill nor a power cut can part them, and a start does not read again what is there. Where an offset is lost
all the same, adding a generation again changes nothing: ids are unique. A journal is deleted when its owner is gone and
the store says that all of it is durable.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import final

from turnout.base.errors import Unavailable
from turnout.contracts.store import Delivery, Store
from turnout.domain.account import GenerationRow, add_booking
from turnout.ledger.journal import JOURNAL_SUFFIX, UNBORN_SUFFIX, BrokenLine, line_of, parse_line

__all__ = ["REJECTED", "JournalWriter"]

REJECTED = "rejected.lines"
"""Where lines go that are no generations, or that the store refuses: nothing vanishes without a trace."""

_BATCH = 1_000  # generations: what they change in the store fits into its page cache
_PIECE = 2**20  # bytes read at once
_INTERVAL = 0.1  # seconds
_MAX_PAUSE = 5.0  # seconds

_log = logging.getLogger(__name__)


class _Batch:
    """What one pass over the journals found. ``ends`` says up to which line each journal goes."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.ends: list[tuple[int, str]] = []
        self.spent: dict[str, dict[tuple[str, int], int]] = {}
        self.offsets: dict[str, int] = {}
        self.finished: list[str] = []
        self.broken: list[bytes] = []
        self.more = False
        self.complete = False  # the pass came to its end

    def rows(self) -> Iterator[GenerationRow]:
        """What the lines hold, parsed when it is asked for; ``broken`` has the others once all have been taken."""
        self.broken.clear()
        self.spent.clear()
        begin = 0
        for end, journal in self.ends:
            booking: dict[tuple[str, int], int] = {}
            for line in self.lines[begin:end]:
                try:
                    row = parse_line(line)
                except BrokenLine:
                    if line != b"\n":  # that parts a torn line from the next
                        self.broken.append(line)
                    continue
                if row.budgets:
                    add_booking(row, booking)
                yield row
            if booking:
                self.spent[journal] = booking
            begin = end


@final
class JournalWriter:
    """Reads the journals in *directory*, those of killed processes included, into *store*.

    Attributes:
        broken: lines met that were torn or damaged.
        refused: generations that the store refused for good, such as a cost beyond 64 bits.
    """

    def __init__(
        self,
        directory: Path,
        store: Store,
        node: str = "",
        booked: Callable[[str, Mapping[tuple[str, int], int]], None] | None = None,
    ) -> None:
        """*node* is the one whose workers write these journals. *booked* is told, by the name of a journal, what the
        store has taken over of each window of each budget (budget id, beginning).
        """
        self._directory = directory
        self._store = store
        self._node = node
        self._prefix = f"{node}/" if node else ""  # nodes that share a store may have journals of the same name
        self._booked = booked
        self._offsets: dict[str, int] | None = None
        self._turn = 0
        self.broken = 0
        self.refused = 0

    async def run(self, interval: float = _INTERVAL) -> None:
        """Drain every *interval* seconds until cancelled; while the store fails, ever more rarely."""
        pause = interval
        while True:
            try:
                await self.drain_once()
            except Exception:  # noqa: BLE001 - a background task; the journals keep everything for a later try
                if pause == interval:
                    _log.warning("journals cannot be moved into the store for now", exc_info=True)
                pause = min(pause * 2, _MAX_PAUSE)
            else:
                pause = interval
            await asyncio.sleep(pause)

    async def drain_once(self) -> int:
        """Move all that the journals hold now; returns how many generations were new to the store.

        The first call also replays what killed processes have left.

        Raises:
            Unavailable: the store cannot be written; nothing is lost.
        """
        if self._offsets is None:
            await asyncio.to_thread(self._sweep)
            kept = await self._store.journal_offsets()
            own = [name for name in kept if name.startswith(self._prefix) or "/" not in name]
            self._offsets = {name.removeprefix(self._prefix): kept[name] for name in own}
            if gone := [name for name in own if not (self._directory / name.removeprefix(self._prefix)).exists()]:
                await self._store.forget_journals(gone)
        added = 0
        while True:
            batch = _Batch()
            added += await self._take(batch, self._offsets)
            await self._tidy_up(batch, self._offsets)
            if not batch.more:
                return added

    async def _take(self, batch: _Batch, offsets: dict[str, int]) -> int:
        """Fill *batch* from the journals and put it into the store, all in the thread of the store."""

        def collect() -> Delivery | None:
            self._collect(batch, offsets)
            return Delivery(batch.rows(), self._stored(batch.offsets), self._node) if batch.offsets else None

        try:
            added = await self._store.take_generations(collect)
        except Unavailable:
            raise
        except Exception:  # one bad generation must not hold up all others for ever
            if not batch.complete:
                raise
            _log.warning("the store refuses a batch of generations; trying them one by one", exc_info=True)
            added = await self._add_singly(batch)
        offsets.update(batch.offsets)
        if self._booked is not None:
            for journal, booking in batch.spent.items():
                self._booked(journal, booking)
        return added

    async def _add_singly(self, batch: _Batch) -> int:
        added = 0
        for row in batch.rows():
            try:
                added += await self._store.take_generations(partial(Delivery, [row], {}, self._node))
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001 - the same, for the one that is bad
                self.refused += 1
                _log.exception("the store refuses generation %s", row.id)
                await asyncio.to_thread(self._set_aside, [line_of(row.record.encode())])
        await self._store.add_generations([], self._stored(batch.offsets))
        return added

    def _stored(self, offsets: Mapping[str, int]) -> dict[str, int]:
        """*offsets* by the names that the store knows."""
        return {self._prefix + name: offset for name, offset in offsets.items()}

    async def _tidy_up(self, batch: _Batch, offsets: dict[str, int]) -> None:
        """Set broken lines of *batch* aside and delete the journals that it finished."""
        if batch.broken:
            self.broken += len(batch.broken)
            _log.warning("%d torn or damaged lines in journals, %d since the start", len(batch.broken), self.broken)
            await asyncio.to_thread(self._set_aside, [line.rstrip(b"\n") + b"\n" for line in batch.broken])
        if batch.finished:
            await self._store.forget_journals([self._prefix + name for name in batch.finished])
            for name in batch.finished:
                (self._directory / name).unlink(missing_ok=True)
                offsets.pop(name, None)

    def _collect(self, batch: _Batch, offsets: dict[str, int]) -> None:
        """Up to a batch of new lines, beginning with another journal each time, so that none starves."""
        try:
            names = sorted(name for name in os.listdir(self._directory) if name.endswith(JOURNAL_SUFFIX))  # noqa: PTH208 - ten times as fast
        except FileNotFoundError:
            names = []
        self._turn += 1
        first = self._turn % len(names) if names else 0
        for name in names[first:] + names[:first]:
            if len(batch.lines) >= _BATCH:
                batch.more = True
                break
            _read_journal(self._directory / name, offsets.get(name, 0), batch)
        batch.complete = True

    def _set_aside(self, lines: Sequence[bytes]) -> None:
        path = self._directory / REJECTED
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, b"".join(lines))
        finally:
            os.close(descriptor)

    def _sweep(self) -> None:
        """Remove files whose owner was killed before it could use them."""
        for path in self._directory.glob(f"*{UNBORN_SUFFIX}"):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                if _unowned(descriptor):
                    path.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


def _unowned(descriptor: int) -> bool:
    """Whether nobody writes to the file any more."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_journal(path: Path, offset: int, batch: _Batch) -> None:
    """Add the complete lines of *path* from *offset* on to *batch*, as far as it has room."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # another process has finished it
    try:
        ended = _unowned(descriptor)  # asked before reading: what is there then is all there will ever be
        size = os.fstat(descriptor).st_size
        if size <= offset and not ended:
            return
        piece = os.pread(descriptor, min(_PIECE, max(0, size - offset)), offset)
        if b"\n" not in piece and len(piece) == _PIECE:
            piece = os.pread(descriptor, size - offset, offset)
    finally:
        os.close(descriptor)
    lines = BytesIO(piece).readlines()  # four times as fast as splitting
    tail = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
    taken = lines[: _BATCH - len(batch.lines)]
    batch.lines += taken
    batch.ends.append((len(batch.lines), path.name))
    end = offset + sum(map(len, taken))
    seen = offset + len(piece)
    if len(taken) < len(lines):
        batch.more = True
    elif ended and seen >= size:
        batch.finished.append(path.name)
        if tail:
            batch.lines.append(tail)
            batch.ends[-1] = (len(batch.lines), path.name)
        end = seen
    elif end != offset and seen < size:
        batch.more = True
    if end != offset:
        batch.offsets[path.name] = end
