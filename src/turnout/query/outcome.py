"""What a completion of voters came to: its answer, and what is kept of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from turnout.base.errors import TurnoutError
from turnout.base.jsons import encode
from turnout.base.money import Pico
from turnout.domain.completion import Choice
from turnout.domain.query import DefinitionKind, Message, UseOfDefinition
from turnout.domain.usage import Cost, Usage
from turnout.query.holding import Election
from turnout.query.job import Job
from turnout.query.texts import prompt_text
from turnout.query.voters import EMBEDDING
from turnout.query.weighing import Weights

__all__ = ["Outcome", "kept_ballot", "uses_of"]


class Outcome(Struct, kw_only=True):
    """The end of one completion.

    Attributes:
        body: the answer in one piece.
        closing: the last chunk of a stream.
        ids: confidence ids by option, in the Query dialect.
        winner: the answer that won, in the Query dialect.
        written: ``body`` as JSON.
        error: nobody has voted, or answered.
    """

    body: dict[str, Any]
    closing: dict[str, Any]
    weights: Weights
    usage: Usage
    price: Cost
    election: Election | None = None
    ids: Sequence[str] = ()
    winner: Choice | None = None
    error: TurnoutError | None = None
    response_format_hash: str | None = None
    written: bytes = b""

    def __post_init__(self) -> None:
        """Write it, once for whoever wants it."""
        self.written = encode(self.body)


def kept_ballot(job: Job, outcome: Outcome, messages: Sequence[Message]) -> dict[str, Any]:
    """What training tables and replays need to know of a completion, and its answer does not say."""
    election = outcome.election
    kept: dict[str, Any] = {"vote_seed": job.vote_seed, "prompt": prompt_text(messages)}
    if outcome.response_format_hash is not None:
        kept["response_format_hash"] = outcome.response_format_hash
    if outcome.ids:
        kept["ids"] = list(outcome.ids)
    if election is None:
        return kept
    kept["confidences"] = list(election.tally.confidences)
    kept["winner"] = election.tally.winner
    kept["status"] = election.tally.status
    kept["votes"] = [_kept_vote(job, vote) for vote in election.votes]
    return kept


def uses_of(job: Job, outcome: Outcome, llms: DefinitionKind, model: DefinitionKind) -> list[UseOfDefinition]:
    """What the completion did with each definition."""
    used = partial(UseOfDefinition, completion_id=job.id, account_id=job.key.account_id, created=job.created)
    questions = _questions(job)
    agreement, on_top, voted = _agreements(outcome)
    uses: dict[str, UseOfDefinition] = {}
    for voter in job.roster.voters:
        use = questions.get(voter.index, _NOTHING)
        before = uses.get(voter.id)
        own = used(
            kind=llms,
            definition_id=voter.id,
            requests=use.requests,
            prompt_tokens=use.prompt_tokens,
            completion_tokens=use.completion_tokens,
            cost=use.cost,
            ballots=int(voter.index in voted),
            confidence=agreement.get(voter.index, 0.0),
            contrast=float(voter.index in on_top),
        )
        uses[voter.id] = own if before is None else _both(before, own)
    tally = None if outcome.election is None else outcome.election.tally
    decided = tally is not None and tally.winner is not None
    embedding = questions.get(EMBEDDING, _NOTHING)
    whole = used(
        kind=model,
        definition_id=job.roster.id,
        prompt_tokens=outcome.usage.prompt_tokens - embedding.prompt_tokens,
        completion_tokens=outcome.usage.completion_tokens - embedding.completion_tokens,
        cost=Pico(outcome.price.total + (outcome.price.own or 0) - embedding.cost),
        embedding_prompt_tokens=embedding.prompt_tokens,
        embedding_completion_tokens=embedding.completion_tokens,
        embedding_cost=embedding.cost,
        ballots=int(decided),
        confidence=tally.confidences[tally.winner] if tally is not None and tally.winner is not None else 0.0,
        contrast=tally.margin if tally is not None and decided else 0.0,
    )
    return [*(use for use in uses.values() if use.requests), whole]


class _Questions(Struct):
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Pico = Pico(0)


_NOTHING = _Questions()


def _questions(job: Job) -> dict[int, _Questions]:
    """By voter, what its questions used. What a provider bills to an account of one's own is a cost as well."""
    questions: dict[int, _Questions] = {}
    for voter, record in job.line.by_voter():
        one = questions.setdefault(voter, _Questions())
        one.requests += 1
        one.prompt_tokens += record.usage.prompt_tokens
        one.completion_tokens += record.usage.completion_tokens
        one.cost = Pico(one.cost + record.cost + record.usage.own)
    return questions


def _agreements(outcome: Outcome) -> tuple[dict[int, float], set[int], set[int]]:
    """By voter, how much the crowd agrees with it; who had the winner on top; and whose vote counted."""
    election = outcome.election
    if election is None:
        return {}, set(), set()
    tally = election.tally
    agreement = {
        vote.voter: share for vote, share in zip(election.votes, tally.agreement, strict=True) if share is not None
    }
    on_top = {
        vote.voter
        for vote in election.votes
        if vote.shares and tally.winner is not None and vote.shares[tally.winner] == max(vote.shares) > 0
    }
    return agreement, on_top, set(agreement)


def _both(one: UseOfDefinition, other: UseOfDefinition) -> UseOfDefinition:
    """Two voters of the same definition."""
    fields, more = asdict(one), asdict(other)
    for name in ("requests", "prompt_tokens", "completion_tokens", "cost", "ballots", "confidence", "contrast"):
        fields[name] += more[name]
    return UseOfDefinition(**fields)


def _kept_vote(job: Job, vote: Any) -> dict[str, Any]:  # noqa: ANN401 - a vote
    voter = job.roster.voters[vote.voter]
    return {
        "index": voter.index,
        "id": voter.id,
        "base_id": voter.base_id,
        "training_table_id": voter.training_table_id,
        "weight": vote.weight,
        "shares": vote.shares,
        "abstained": vote.abstained,
        "kind": vote.kind,
        "code": vote.code,
    }
