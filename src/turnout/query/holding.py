"""The part of a completion in which voters select: seats, one poll, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from turnout.base.errors import BadRequest, TurnoutError
from turnout.domain.query import Tally, Vote, Voter
from turnout.query.cache import VoteCache
from turnout.query.estimate import Estimator, tokens_of_vote
from turnout.query.job import Job
from turnout.query.poll import Poll, Seat
from turnout.query.prompt import Conversation, output_mode_of
from turnout.query.selection import Options, Selection, Slip, Terms
from turnout.query.shapes import ballot_report, votes_report
from turnout.query.tally import code_of_failures, count
from turnout.query.weighing import Weights

__all__ = ["Election", "all_failed", "hold_election", "outcome_report"]


class Election(Struct):
    """How voters were to select, and what came of it. ``slips`` go by index of the voter."""

    seats: list[Seat]
    slips: Mapping[int, Sequence[Slip]]
    tally: Tally
    votes: tuple[Vote, ...]


async def hold_election(  # noqa: PLR0913 - what one ballot needs, each named
    job: Job,
    voters: Sequence[Voter],
    weights: Weights,
    conversation: Conversation,
    texts: Sequence[str],
    *,
    cache: VoteCache,
    spoken: Callable[[Voter, Sequence[Slip]], None],
    options: int | None = None,
    earlier: Sequence[Vote] = (),
    counted: Callable[[Vote], Vote] = lambda vote: vote,
) -> Election:
    """Have *voters* select one of *texts*.

    *spoken* hears of every voter that is done. The ballot is over so many *options*, those of *texts* where it is left
    out; *earlier* votes count too, and *counted* makes a vote on the texts one on the options.
    """
    asked = job.asked
    selection = _selection(job, conversation, texts, cache)
    price = Estimator(job.house, job.key) if asked.cascade is not None or asked.max_cost is not None else None

    def seat_of(voter: Voter) -> Seat:
        mode = output_mode_of(voter.llm)
        weight = weights.values[voter.index]

        async def ask() -> Vote:
            listeners = [job.listener(voter, slip, mode) for slip in range(asked.n)]
            vote = await selection.vote(voter, weight, listeners)
            spoken(voter, selection.slips[voter.index])
            return counted(vote)

        estimate = 0
        if price is not None:
            estimate = price(lambda: selection.request(voter), tokens_of_vote(voter)) * asked.n * asked.passes
        return Seat(voter.index, weight, estimate, ask, lambda: selection.withdraw(voter))

    seats = [seat_of(voter) for voter in voters]
    poll = Poll(seats, earlier, len(texts) if options is None else options, job.conduct, lambda: job.line.cost)
    with job.waiting():
        await poll.hold()
    ballot = poll.ballot
    return Election(seats=seats, slips=selection.slips, tally=count(ballot), votes=ballot.votes)


def _selection(job: Job, conversation: Conversation, texts: Sequence[str], cache: VoteCache) -> Selection:
    asked = job.asked
    terms = Terms(vote_seed=job.vote_seed, slips=asked.n, passes=asked.passes, allow_abstain=asked.allow_abstain)
    choice = Options(texts, job.vote_seed, allow_abstain=asked.allow_abstain)
    selection = Selection(job.line, conversation, choice, terms, job.border.code_of)
    if asked.vote_cache and job.key.guard is None:  # what was let through before may not be now
        selection.remember_in(cache, job.key.account_id)
    return selection


def outcome_report(job: Job, election: Election, weights: Weights) -> dict[str, Any]:
    """The ballot report of a completion."""
    tally = election.tally
    report = ballot_report(tally, job.vote_seed)
    report["passes"] = job.asked.passes
    report["votes"] = votes_report(job.roster, election.seats, election.slips, weights.values)
    if weights.calibrated is not None and tally.winner is not None:
        chance, rows = weights.calibrated(tally.confidences[tally.winner])
        report["calibrated_confidence"], report["calibration_rows"] = chance, rows
    return report


def all_failed(job: Job, failures: Sequence[tuple[int, TurnoutError]], seats: Sequence[Seat]) -> TurnoutError:
    """The error of a completion in which nobody voted; *failures* name voters by their index."""
    if not failures:
        if any(seat.unheard == "max_cost" for seat in seats):
            return BadRequest("`max_cost` is less than what any voter may cost", metadata={"kind": "max_cost"})
        return TurnoutError("No voter has answered in time", error_type="timeout", metadata={"kind": "max_latency"})
    code_of = job.border.code_of
    codes = [code_of(error) for _, error in failures]
    code = code_of_failures(codes)
    voters = [
        {"model_index": index, "code": code, "message": error.message}
        for (index, error), code in zip(failures, codes, strict=True)
    ]
    like = next((error for _, error in failures if code_of(error) == code), None)
    kind = like.error_type if like is not None else ("invalid_request" if code < 500 else "server")
    hints = [error.retry_after for _, error in failures if error.retry_after is not None]
    return TurnoutError(
        f"All votes failed: {failures[0][1].message}",
        error_type=kind,
        metadata={"kind": "all_votes_failed", "voters": voters},
        retry_after=min(hints) if hints else None,
    )
