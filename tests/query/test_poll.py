"""Ballots while they are held: waves, early stops that change nothing, limits of cost and time, and a clean end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patience import PATIENCE, until_here
from turnout.domain.query import BallotRules, Vote
from turnout.query.poll import Conduct, Poll, Seat
from turnout.query.tally import count


class _Booth:
    """Voters whose votes, delays (seconds) and prices are known beforehand."""

    def __init__(self, votes: Sequence[Sequence[float] | None], weights: Sequence[float] | None = None) -> None:
        self.weights = weights or [1.0] * len(votes)
        self.delays = [0.0] * len(votes)
        self.prices = [0] * len(votes)
        self.votes = votes
        self.asked: list[int] = []
        self.withdrawn: list[int] = []
        self.cancelled: list[int] = []
        self.answered: list[int] = []
        self.most = 0  # of those who were asked, how many at once had not answered

    def seats(self) -> list[Seat]:
        return [self._seat(number) for number in range(len(self.votes))]

    def _seat(self, number: int) -> Seat:
        async def ask() -> Vote:
            self.asked.append(number)
            self.most = max(self.most, len(self.asked) - len(self.answered))
            try:
                await asyncio.sleep(self.delays[number])
            except asyncio.CancelledError:
                self.cancelled.append(number)
                raise
            self.answered.append(number)
            shares = self.votes[number]
            return Vote(
                voter=number, weight=self.weights[number], shares=None if shares is None else tuple(shares), code=500
            )

        return Seat(number, self.weights[number], self.prices[number], ask, lambda: self.withdrawn.append(number))


async def held(booth: _Booth, conduct: Conduct, options: int = 2, spent: int = 0) -> tuple[Poll, list[Seat]]:
    seats = booth.seats()
    poll = Poll(seats, (), options, conduct, lambda: spent)
    await poll.hold()
    return poll, seats


_FIRST, _SECOND = (1.0, 0.0), (0.0, 1.0)


async def test_without_an_early_stop_everybody_is_asked_at_once() -> None:
    booth = _Booth([_FIRST] * 5)
    booth.delays = [0.05] * 5
    poll, _ = await held(booth, Conduct())
    assert booth.most == 5
    assert count(poll.ballot).succeeded == 5


async def test_a_wave_holds_as_many_as_could_decide_it() -> None:
    booth = _Booth([_FIRST] * 5)
    _, seats = await held(booth, Conduct(early_stop="winner"))
    assert sorted(booth.asked) == [0, 1, 2]
    assert [seat.unheard for seat in seats] == [None, None, None, "decided", "decided"]


async def test_the_heaviest_are_asked_first() -> None:
    booth = _Booth([_FIRST] * 4, [1.0, 9.0, 1.0, 2.0])
    await held(booth, Conduct(early_stop="winner"))
    assert booth.asked == [1]


async def test_what_is_decided_cancels_the_rest_at_once() -> None:
    booth = _Booth([_FIRST, _FIRST, _FIRST, _SECOND])
    booth.delays = [0.0, 0.0, 0.0, 30.0]
    booth.weights = [2.0, 2.0, 2.0, 2.5]
    _, seats = await asyncio.wait_for(held(booth, Conduct(early_stop="winner")), PATIENCE)
    assert booth.withdrawn == booth.cancelled == [3]
    assert seats[3].unheard == "decided"


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any)), st.integers(1, 9)
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 2**32),
    st.sampled_from(["winner", "confidence"]),
)
@settings(deadline=None, max_examples=200)
def test_an_early_stop_never_changes_the_winner(
    voters: list[tuple[list[int] | None, int]], seed: int, mode: str
) -> None:
    votes = [None if raw is None else [one / sum(raw) for one in raw] for raw, _ in voters]
    weights = [float(weight) for _, weight in voters]
    rules = BallotRules(threshold=Random(seed).choice((0.0, 0.5, 0.7)), min_voters=Random(seed).choice((0, 2)))

    async def outcome(conduct: Conduct) -> tuple[int | None, str]:
        poll, _ = await held(_Booth(votes, weights), conduct, 3)
        tally = count(poll.ballot)
        return tally.winner, tally.status

    whole = asyncio.run(outcome(Conduct(rules=rules)))
    early = asyncio.run(outcome(Conduct(early_stop=mode, rules=rules)))  # type: ignore[arg-type]  # one of its words
    assert early == whole


async def test_a_deadline_ends_the_waiting_and_says_so() -> None:
    booth = _Booth([_FIRST, _FIRST, _SECOND])
    booth.delays = [0.0, 0.0, 30.0]
    soon = asyncio.get_running_loop().time() + 1.0
    poll, seats = await asyncio.wait_for(held(booth, Conduct(deadline=soon)), PATIENCE)
    assert seats[2].unheard == "max_latency"
    assert count(poll.ballot).unheard == 1


async def test_voters_that_would_cost_too_much_are_not_asked() -> None:
    booth = _Booth([_FIRST] * 3)
    booth.prices = [40, 40, 40]
    _, seats = await held(booth, Conduct(max_cost=100), spent=10)
    assert booth.asked == [0, 1]
    assert seats[2].unheard == "max_cost"


async def test_a_cascade_asks_dear_voters_only_when_cheap_ones_disagree() -> None:
    agreed = _Booth([_FIRST, _FIRST, _SECOND])
    agreed.prices = [1, 1, 50]
    _, seats = await held(agreed, Conduct(cascade=0.5))
    assert agreed.asked == [0, 1]
    assert seats[2].unheard == "margin"
    parted = _Booth([_FIRST, _SECOND, _SECOND])
    parted.prices = [1, 1, 50]
    await held(parted, Conduct(cascade=0.5))
    assert parted.asked == [0, 1, 2]


async def test_a_poll_that_is_cancelled_leaves_nobody_behind() -> None:
    booth = _Booth([_FIRST] * 3)
    booth.delays = [30.0] * 3
    task = asyncio.create_task(held(booth, Conduct()))
    await until_here(lambda: len(booth.asked) == 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert booth.cancelled == [0, 1, 2]
    assert len(asyncio.all_tasks()) == 1


async def test_a_confidence_stop_waits_until_its_bounds_are_near() -> None:
    booth = _Booth([_FIRST] * 10)
    _, seats = await held(booth, Conduct(early_stop="confidence", interval=0.2))
    assert sum(seat.vote is not None for seat in seats) == 8
