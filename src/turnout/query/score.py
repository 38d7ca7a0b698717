"""Score completions: voters share their weight among answers that a client supplies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Raw

from turnout.domain.query import Message, Voter
from turnout.query.cache import VoteCache
from turnout.query.holding import Election, all_failed, hold_election, outcome_report
from turnout.query.job import Job
from turnout.query.outcome import Outcome
from turnout.query.prompt import output_mode_of
from turnout.query.selection import Slip
from turnout.query.shapes import total, voter_fields
from turnout.query.texts import answer_text
from turnout.query.weighing import Weights

__all__ = ["score"]


async def score(
    job: Job, messages: Sequence[Message], choices: Sequence[Message], weights: Weights, cache: VoteCache
) -> Outcome:
    """Have the voters of *job* choose among *choices*, and answer its client."""
    supplied = [_supplied(index, choice) for index, choice in enumerate(choices)]
    job.first_index = len(choices)
    job.before_first = [_as_delta(one) for one in supplied]
    order: list[Voter] = []

    def spoken(voter: Voter, slips: Sequence[Slip]) -> None:
        order.append(voter)
        if job.streams:
            job.send([_closing(job, voter, slips[0], weights.values[voter.index])])

    texts = [answer_text(choice) for choice in choices]
    election = await hold_election(
        job, job.roster.voters, weights, job.conversation(messages), texts, cache=cache, spoken=spoken
    )
    tally = election.tally
    for one, weight, confidence in zip(supplied, tally.weights, tally.confidences, strict=True):
        one |= {"weight": weight, "confidence": confidence}
    agreement = dict(zip((vote.voter for vote in election.votes), tally.agreement, strict=True))
    voted = [_voted(job, voter, election, weights, agreement.get(voter.index)) for voter in order]
    usage, price = total(job.line)
    report = outcome_report(job, election, weights)
    last = {"usage": Raw(job.border.usage(usage, price)), "weight_data": _weight_data(weights), "ballot": report}
    body = job.head() | {"choices": [*supplied, *sorted(voted, key=lambda one: int(one["index"]))]} | last
    closing = {"choices": [_as_aggregate(one) for one in body["choices"]]} | last
    error = None
    if not tally.succeeded:
        failures = [(voter.index, slip.error) for voter in order for slip in election.slips[voter.index] if slip.error]
        error = all_failed(job, failures, election.seats)
    return Outcome(
        body=body, closing=closing, election=election, weights=weights, usage=usage, price=price, error=error
    )


def _supplied(index: int, choice: Message) -> dict[str, Any]:
    """A choice of the client, not yet weighed."""
    return {
        "index": index,
        "message": {"role": "assistant", "content": None, "refusal": None, "reasoning": None, "vote": None} | choice,
        "finish_reason": "stop",
        "logprobs": None,
        "weight": None,
        "confidence": None,
        "error": None,
        "model": None,
        "model_index": None,
        "completion_metadata": None,
    }


def _voted(job: Job, voter: Voter, election: Election, weights: Weights, agreement: float | None) -> dict[str, Any]:
    """What one voter said, as a choice."""
    slip = election.slips[voter.index][0]
    voted = job.choice(voter, 0, slip.choice, slip.error, slip.heard, output_mode_of(voter.llm))
    voted["message"]["vote"] = slip.shares
    voted |= {"weight": weights.values[voter.index], "confidence": agreement, "vote_kind": slip.told_kind}
    if weights.evidence:
        voted["weight_evidence"] = weights.evidence[voter.index]
    return voted


def _closing(job: Job, voter: Voter, slip: Slip, weight: float) -> dict[str, Any]:
    """The last chunk of a voter."""
    index = job.index((voter.index, 0))
    closing = {
        "index": index,
        "delta": job.opening(index) | {"vote": slip.shares},
        "finish_reason": _finish_reason(slip),
        "logprobs": None,
        "weight": weight,
        "vote_kind": slip.told_kind,
    }
    return closing | voter_fields(voter, slip.error, job.border)


def _finish_reason(slip: Slip) -> str | None:
    """A voter that votes by a call has stopped as any other."""
    if slip.shares is None:
        return "error"
    reason = slip.choice.finish_reason if slip.choice is not None else "stop"
    return "stop" if reason == "tool_calls" else reason


def _as_delta(one: dict[str, Any]) -> dict[str, Any]:
    delta = {name: value for name, value in one["message"].items() if value is not None}
    shown = {name: value for name, value in one.items() if name != "message"}
    return shown | {"delta": delta}


def _as_aggregate(one: dict[str, Any]) -> dict[str, Any]:
    """What the last chunk says of a choice: what was not known before."""
    kept = ("index", "weight", "confidence", "model", "model_index", "completion_metadata", "weight_evidence", "error")
    return {"delta": {}, "finish_reason": one["finish_reason"]} | {name: one[name] for name in kept if name in one}


def _weight_data(weights: Weights) -> dict[str, Any]:
    if not weights.evidence:
        return {"type": "static"}
    return {"type": "training_table", "embeddings_response": weights.embeddings}
