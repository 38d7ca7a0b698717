"""A ballot while it is held: voters in waves, until nothing that could still come would change the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from itertools import groupby
from typing import Literal, final

from msgspec import Struct

from turnout.domain.query import Ballot, BallotRules, Vote
from turnout.query.tally import count, is_narrow, is_settled

__all__ = ["Conduct", "EarlyStop", "Poll", "Seat", "Unheard"]

EarlyStop = Literal["off", "winner", "confidence"]
Unheard = Literal["decided", "margin", "max_cost", "max_latency"]
"""Why a voter was not heard."""

_PATIENCE = 2.0
_LEAST_PATIENCE = 0.25
_TICK = 0.002
"""Seconds: for how long a wave is waited for when nobody speaks, and at least; timers may be early by a tick."""
_SLOW = 3
"""Who takes so many times as long as the first voter of a wave is slow."""


class Conduct(Struct, frozen=True, kw_only=True):
    """How a ballot is held.

    Attributes:
        early_stop: ``winner``: end when no vote that is still out could change the winner; ``confidence``: go on
            until the confidence of the winner is known to within *interval*.
        interval: the widest that the bounds of the confidence may be apart, 0 to 1.
        cascade: ask cheap voters first, and dearer ones only while the margin is smaller than this, 0 to 1.
        max_cost: pico-dollars that all questions of the completion may cost, by estimate before they are asked.
        deadline: second of the loop's clock at which nobody is waited for any more.
        rules: when the ballot counts: it does not end early while it would not.
    """

    early_stop: EarlyStop = "off"
    interval: float = 0.1
    cascade: float | None = None
    max_cost: int | None = None
    deadline: float | None = None
    rules: BallotRules = BallotRules()


class Seat(Struct, eq=False):
    """One voter of a ballot.

    Attributes:
        voter: index in the roster.
        estimate: pico-dollars that its questions may cost.
        ask: asks them, and gives its vote.
        withdraw: called before the asking is cancelled.
        vote: what it gave.
        unheard: why it gave none.
    """

    voter: int
    weight: float
    estimate: int
    ask: Callable[[], Coroutine[None, None, Vote]]
    withdraw: Callable[[], None]
    vote: Vote | None = None
    unheard: Unheard | None = None


@final
class Poll:
    """Holds one ballot over so many *options*. *votes* are there already; *spent* tells what the completion has cost.

    *spent* is asked only where the cost is limited.
    """

    def __init__(
        self, seats: Sequence[Seat], votes: Sequence[Vote], options: int, conduct: Conduct, spent: Callable[[], int]
    ) -> None:
        self._seats = seats
        self._earlier = tuple(votes)
        self._options = options
        self._conduct = conduct
        self._spent = spent
        self._under_way: dict[asyncio.Task[Vote], Seat] = {}
        self._ended: list[asyncio.Task[Vote]] = []
        self._wake: asyncio.Future[None] | None = None
        self._late = False

    async def hold(self) -> None:
        """Ask until all have been asked or the outcome is clear. Nothing is left running, whatever happens."""
        left = list(self._ordered())
        reason: Unheard | None = None
        try:
            while left and (reason := self._reason_to_stop(between=True)) is None:
                wave = self._next_wave(left)
                left = left[len(wave) :]
                reason = await self._hear(wave, last=not left)
                if reason is not None:
                    break
            for seat in (*left, *self._under_way.values()):
                seat.unheard = reason
        finally:
            await self._end_all()

    @property
    def ballot(self) -> Ballot:
        """The ballot as it stands: voters in the order of the roster, those that were there before first."""
        votes = [seat.vote for seat in self._seats if seat.vote is not None]
        waiting = [seat.weight for seat in self._seats if seat.vote is None]
        return Ballot(
            options=self._options,
            votes=(*self._earlier, *votes),
            waiting=tuple(waiting),
            rules=self._conduct.rules,
        )

    def _ordered(self) -> Sequence[Seat]:
        if self._conduct.cascade is not None:
            return sorted(self._seats, key=lambda seat: (seat.estimate, -seat.weight, seat.voter))
        if self._conduct.early_stop != "off":
            return sorted(self._seats, key=lambda seat: (-seat.weight, seat.voter))
        return self._seats

    def _next_wave(self, left: Sequence[Seat]) -> Sequence[Seat]:
        """As many as could decide it if they agreed; of a cascade only those of one price."""
        if self._conduct.cascade is not None:
            left = list(next(groupby(left, key=lambda seat: seat.estimate))[1])
        if self._conduct.early_stop == "off":
            return left
        weights = sorted(count(self.ballot).weights, reverse=True)
        gap = weights[0] - weights[1] if len(weights) > 1 else weights[0]
        rest = sum(seat.weight for seat in self._seats if seat.vote is None)
        for size, seat in enumerate(left, 1):
            gap += seat.weight
            rest -= seat.weight
            if gap > rest:
                return left[:size]
        return left

    async def _hear(self, wave: Sequence[Seat], *, last: bool) -> Unheard | None:
        """Ask a wave and hear it; why the ballot ends before it is heard, if it does.

        The *last* wave is waited for. From others the next one follows when some of its voters are slow, so that one
        that hangs does not hold up the ballot.
        """
        self._begin(wave)
        loop = asyncio.get_running_loop()
        began = loop.time()
        deadline = self._conduct.deadline
        timer = None if deadline is None else loop.call_at(deadline, self._end_in_time)
        patience = None if last else loop.call_at(began + _PATIENCE, self._wake_up)
        patient_until = began + _PATIENCE
        spoken = False
        try:
            while self._under_way:
                if not self._ended:
                    self._wake = loop.create_future()
                    await self._wake
                spoke_first = bool(self._ended) and not spoken
                self._count()
                if self._under_way and (reason := self._reason_to_stop()) is not None:
                    return reason
                if patience is None:
                    continue
                now = loop.time()
                if spoke_first:
                    spoken = True
                    patience.cancel()
                    patient_until = began + max(_LEAST_PATIENCE, (now - began) * _SLOW)
                    patience = loop.call_at(patient_until, self._wake_up)
                elif now >= patient_until - _TICK:
                    return None
        finally:
            for handle in (timer, patience):
                if handle is not None:
                    handle.cancel()
        return None

    def _begin(self, wave: Sequence[Seat]) -> None:
        most = self._conduct.max_cost
        expected = sum(seat.estimate for seat in self._under_way.values())
        spent = self._spent() if most is not None else 0
        for seat in wave:
            if most is not None and spent + expected + seat.estimate > most:
                seat.unheard = "max_cost"
                continue
            expected += seat.estimate
            task = asyncio.get_running_loop().create_task(seat.ask())
            self._under_way[task] = seat
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Vote]) -> None:
        self._ended.append(task)
        self._wake_up()

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def _end_in_time(self) -> None:
        self._late = True
        self._wake_up()

    def _count(self) -> None:
        """Take the votes that have come. Raises what went wrong in one of them, which is a mistake of ours."""
        ended, self._ended = self._ended, []
        for task in ended:
            self._under_way.pop(task).vote = task.result()

    def _reason_to_stop(self, *, between: bool = False) -> Unheard | None:
        """Why the ballot ends now, if it does; *between* two waves a margin may be enough."""
        conduct = self._conduct
        if self._late or (conduct.deadline is not None and asyncio.get_running_loop().time() >= conduct.deadline):
            return "max_latency"
        if conduct.early_stop == "winner" and is_settled(self.ballot):
            return "decided"
        if conduct.early_stop == "confidence" and is_narrow(self.ballot, conduct.interval):
            return "decided"
        if conduct.cascade is not None and between:
            tally = count(self.ballot)
            if tally.status == "decided" and tally.margin >= conduct.cascade:
                return "margin"
        return None

    async def _end_all(self) -> None:
        """Withdraw what is under way, and wait until it has ended: a question that is cancelled ends at once."""
        tasks = list(self._under_way)
        for task, seat in self._under_way.items():
            seat.withdraw()
            task.cancel()
        self._under_way = {}
        if tasks:
            await asyncio.wait(tasks)
