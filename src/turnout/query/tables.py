"""Training tables as a worker has them in memory: read once, and then what has been added since."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, final

import msgspec
from msgspec import Struct
from xxhash import xxh3_64_intdigest

from turnout.contracts.training import TrainingTables
from turnout.domain.query import Roster, TrainingTableWeight
from turnout.domain.training import TrainingRow, TrainingTable
from turnout.query.fitting import Calibration, Quality, fit_calibration, quality_of
from turnout.query.neighbours import Neighbours
from turnout.query.weights import match_of, weight_without_table

__all__ = ["Ballots", "Held", "Judged", "Record", "Shelf", "prompt_key", "top_of"]

Votes = Sequence[tuple[str, tuple[float, ...] | None]]
_Place = tuple[str, int]
"""Where a vector is: under which format of answers, and of which length."""

_PAGE: Final = 2000
_MOST_BALLOTS: Final = 4000
_MOST_PRODUCTS: Final = 50_000_000
"""Similarities that are worked out at most to find out how good a table's confidences are."""
_FEWEST_BALLOTS: Final = 400
_FITTED_EACH_TIME: Final = 500
_GROWTH: Final = 1.05
_FRESH_SECONDS: Final = 1.0
_MOST_HELD: Final = 256
_LOCKS: Final = 32
_MOST_BYTES: Final = 512 * 2**20

_decode_votes = msgspec.json.Decoder(list[tuple[str, tuple[float, ...] | None]]).decode
_decode_shares = msgspec.json.Decoder(tuple[float, ...]).decode


class Record(Struct):
    """How often a voter has voted, and how right it was on the whole."""

    votes: int = 0
    matched: float = 0.0


class _Ballot(NamedTuple):
    """A row as calibration needs it: where its vector is, who voted for what, and what was true."""

    place: tuple[_Place, int] | None
    votes: Votes
    truth: tuple[float, ...]


class Ballots(NamedTuple):
    """The confidence of each ballot's winner, and whether it was right."""

    confidences: list[float]
    right: list[bool]


class Judged(NamedTuple):
    """What is known of a model's confidences. ``rows`` are those of the table when that was found out.

    ``base`` is how good they would be if nothing had been learned; None where weights are static.
    """

    rows: int
    revision: int
    quality: Quality | None
    calibration: Calibration | None
    base: Quality | None = None


def prompt_key(prompt: str) -> int:
    """What stands for the text of a prompt."""
    return xxh3_64_intdigest(prompt.encode("utf-8", "surrogatepass"))


def top_of(roster: Roster) -> int:
    """How many rows a weight of *roster* rests on at most."""
    return getattr(roster.model.weight, "top", 1)


@final
class Held:
    """One table in memory."""

    def __init__(self, table: TrainingTable) -> None:
        self.table = table
        self.records: dict[str, Record] = {}
        self.after = (-1, "")
        self._vectors: dict[_Place, Neighbours] = {}
        self._ballots: deque[_Ballot] = deque(maxlen=_MOST_BALLOTS)
        self._judged: dict[str, Judged] = {}

    @property
    def memory(self) -> int:
        """Memory that its vectors take."""
        return sum(one.memory for one in self._vectors.values())

    def take(self, rows: Sequence[TrainingRow]) -> None:
        """Add *rows*, in their order."""
        for row in rows:
            votes, truth = _decode_votes(row.votes), _decode_shares(row.truth)
            matches = self._noted(votes, truth)
            place: tuple[_Place, int] | None = None
            if row.embedding:
                key = (row.response_format_hash, len(row.embedding) // 4)
                vectors = self._vectors.get(key)
                if vectors is None:
                    vectors = self._vectors[key] = Neighbours(key[1])
                place = key, vectors.add(row.embedding, prompt_key(row.prompt), matches)
            if matches:
                self._ballots.append(_Ballot(place, votes, truth))
            self.after = (row.revision, row.id)

    def vectors(self, response_format_hash: str, vector: bytes) -> Neighbours | None:
        """The rows that can be compared with *vector*."""
        return self._vectors.get((response_format_hash, len(vector) // 4))

    def known(self, roster: Roster) -> Judged | None:
        """What :meth:`judge` found last, if that still holds: of many rows a few more change little."""
        known = self._judged.get(roster.id)
        if known is None or known.revision == self.table.revision:
            return known
        few = self.table.rows <= _FITTED_EACH_TIME or self.table.rows >= known.rows * _GROWTH
        return None if few else known

    def judge(self, roster: Roster) -> Judged:
        """How good the confidences of *roster* are on the rows, each weighed without itself. It may take a second."""
        ballots = self.ballots(roster)
        quality, calibration = quality_of(*ballots), fit_calibration(*ballots)
        base = quality_of(*self.ballots(roster, base=True)) if self.table.embeddings_model else None
        judged = Judged(self.table.rows, self.table.revision, quality, calibration, base)
        if len(self._judged) >= _MOST_HELD:
            del self._judged[next(iter(self._judged))]
        self._judged[roster.id] = judged
        return judged

    def ballots(self, roster: Roster, *, base: bool = False) -> Ballots:
        """What the latest rows come to under the weights of *roster*, each without itself; *base*: without any."""
        known = {voter.base_id for voter in roster.voters}
        chosen = [one for one in self._ballots if any(voter in known and vote for voter, vote in one.votes)]
        largest = max((one.size for one in self._vectors.values()), default=0)
        most = max(_FEWEST_BALLOTS, _MOST_PRODUCTS // max(1, largest))
        chosen = chosen[-most:]
        weights = [[weight_without_table(voter.llm.weight) for voter in roster.voters] for _ in chosen]
        bounds = [(voter.base_id, voter.llm.weight) for voter in roster.voters]
        taught = [(base_id, weight) for base_id, weight in bounds if isinstance(weight, TrainingTableWeight)]
        if len(taught) == len(bounds) and not base:
            for key, vectors in self._vectors.items():
                lines = [line for line, one in enumerate(chosen) if one.place is not None and one.place[0] == key]
                places = [chosen[line].place[1] for line in lines]  # type: ignore[index]  # those without are left out
                for line, row in zip(lines, vectors.taught(places, taught, top_of(roster)).tolist(), strict=True):
                    weights[line] = row
        outcomes = [_outcome(one, roster, row) for one, row in zip(chosen, weights, strict=True)]
        found = [one for one in outcomes if one is not None]
        return Ballots([confidence for confidence, _ in found], [right for _, right in found])

    def _noted(self, votes: Votes, truth: tuple[float, ...]) -> dict[str, float]:
        """How right each voter was; of voters that are alike the mean."""
        found: dict[str, list[float]] = {}
        for voter, vote in votes:
            if vote is not None:
                found.setdefault(voter, []).append(match_of(vote, truth))
        for voter, matches in found.items():
            record = self.records.setdefault(voter, Record())
            record.votes += len(matches)
            record.matched += sum(matches)
        return {voter: sum(matches) / len(matches) for voter, matches in found.items()}


@final
class Shelf:
    """Tables that were used lately. What others write is seen after a second, what is written here at once."""

    def __init__(self, stored: TrainingTables, monotonic: Callable[[], float]) -> None:
        self._stored = stored
        self._monotonic = monotonic
        self._held: OrderedDict[tuple[str, str], Held | None] = OrderedDict()
        self._seen: dict[tuple[str, str], float] = {}
        self._writes = 0
        self._locks = tuple(asyncio.Lock() for _ in range(_LOCKS))

    async def find(self, account_id: str, table_id: str) -> Held | None:
        """The table as it is now; None where there is none.

        Raises:
            Unavailable: the store cannot be asked.
        """
        place = (account_id, table_id)
        if not self._is_fresh(place):
            async with self._lock(place):
                await self._refresh(place)
        self._held.move_to_end(place)
        return self._held[place]

    async def judged(self, account_id: str, table_id: str, roster: Roster) -> Judged | None:
        """What is known of the confidences of *roster*; None where there is no table.

        Raises:
            Unavailable: the store cannot be asked.
        """
        place = (account_id, table_id)
        async with self._lock(place):  # nobody adds rows meanwhile
            await self._refresh(place)
            held = self._held[place]
            if held is None:
                return None
            known = held.known(roster)
            return known if known is not None else await asyncio.to_thread(held.judge, roster)

    def changed(self, account_id: str, table_id: str) -> None:
        """The table has been written to: look again before it is used."""
        self._writes += 1
        self._seen.pop((account_id, table_id), None)

    def _is_fresh(self, place: tuple[str, str]) -> bool:
        seen = self._seen.get(place)
        return seen is not None and place in self._held and self._monotonic() - seen < _FRESH_SECONDS

    def _lock(self, place: tuple[str, str]) -> asyncio.Lock:
        return self._locks[hash(place) % _LOCKS]

    async def _refresh(self, place: tuple[str, str]) -> None:
        if not self._is_fresh(place):
            await self._read(place)

    async def _read(self, place: tuple[str, str]) -> None:
        began, writes = self._monotonic(), self._writes
        self._seen.pop(place, None)  # nobody uses it while rows are added
        table = await self._stored.training_table(*place)
        held = self._held.get(place)
        if table is None:
            held = None
        elif held is None or held.table.removals != table.removals or held.table.created != table.created:
            held = await self._filled(Held(table))
        elif held.table.revision != table.revision:
            await self._filled(held)
            held.table = table
        self._held[place] = held
        self._held.move_to_end(place)
        if writes == self._writes:  # else something has been written meanwhile, and it may have been here
            self._seen[place] = began
        self._make_room()

    async def _filled(self, held: Held) -> Held:
        table = held.table
        while rows := await self._stored.training_rows(table.account_id, table.id, after=held.after, count=_PAGE):
            if len(rows) > _PAGE // 10:
                await asyncio.to_thread(held.take, rows)
            else:
                held.take(rows)
            if len(rows) < _PAGE:
                break
        return held

    def _make_room(self) -> None:
        sizes: Mapping[tuple[str, str], int] = {
            place: 0 if held is None else held.memory for place, held in self._held.items()
        }
        total = sum(sizes.values())
        while len(self._held) > 1 and (len(self._held) > _MOST_HELD or total > _MOST_BYTES):
            place, _ = self._held.popitem(last=False)
            self._seen.pop(place, None)
            total -= sizes[place]


def _outcome(ballot: _Ballot, roster: Roster, weights: Sequence[float]) -> tuple[float, bool] | None:
    """Confidence of the winner and whether it was right; None where nobody gave anything to any option."""
    left = list(ballot.votes)
    sums = [0.0] * len(ballot.truth)
    for voter, weight in zip(roster.voters, weights, strict=True):
        place = next((place for place, (base_id, _) in enumerate(left) if base_id == voter.base_id), None)
        vote = None if place is None else left.pop(place)[1]
        for option, share in enumerate(vote or ()):
            sums[option] += weight * share
    total, most = sum(sums), max(sums, default=0.0)
    if total <= 0:
        return None
    winner = sums.index(most)
    return min(1.0, most / total), ballot.truth[winner] == max(ballot.truth) > 0
